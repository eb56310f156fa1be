"""`sam build`, and ways to look at what it makes."""

import contextlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.contract.deployment import ROOT, deployment

DEPLOYED = "arm64"
SITE = Path(sysconfig.get_path("purelib"))

# What the Lambda runtime has installed, besides Python itself.
RUNTIME = ("boto3", "awslambdaric")

_SECONDS = 300
_PROBE = Path(__file__).parent / "probe.py"


@dataclass(frozen=True)
class Artifacts:
    """What was built."""

    folder: Path
    """`sam build`'s output for this machine."""
    layer: Path
    """What Lambda mounts at /opt, for this machine."""
    deployed_layer: Path
    """The same for the architecture that deploys."""
    runtime: Path
    """The packages that the Lambda runtime brings, and no others."""

    def function(self, folder: str) -> Path:
        """Return what Lambda mounts at /var/task."""
        return self.folder / deployment().logical_ids[folder]

    def python_path(self, folder: str, *first: Path) -> str:
        """Return where a function of the build finds its modules, in Lambda's order."""
        return os.pathsep.join(map(str, (*first, self.function(folder), self.layer / "python", self.runtime)))

    def imported(self, folder: str, *first: Path) -> dict[str, Any]:
        """Import a handler as Lambda does, and return what `probe.py` sees. `first` comes before the build."""
        environment = {"PYTHONPATH": self.python_path(folder, *first), "AWS_DEFAULT_REGION": "eu-central-1"}
        declared = deployment().variables(folder)
        environment |= {name: value if isinstance(value, str) else "1" for name, value in declared.items()}
        return probed(environment, *first, self.layer)


def probed(environment: Mapping[str, str], *watched: Path) -> dict[str, Any]:
    """Import `app` in a process of its own, and return what `probe.py` sees of it."""
    command = [*python(), str(_PROBE), *map(str, watched)]
    process = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False, timeout=60)
    assert process.returncode == 0, f"the handler cannot be imported:\n{process.stderr}"
    seen: dict[str, Any] = json.loads(process.stdout)
    return seen


def python() -> Sequence[str]:
    """Return the command of a Python that sees PYTHONPATH and its own library, and nothing of this environment.

    It writes no bytecode: in Lambda it cannot, and here it could, since to root nothing is read-only.
    """
    return [sys._base_executable, "-S", "-P", "-B"]


@contextlib.contextmanager
def built(folder: Path) -> Iterator[Artifacts]:
    """Build into `folder`, for this machine and for what deploys; nothing in the repository is touched."""
    if sys.platform != "linux":
        pytest.skip("Lambda runs on Linux, and so do the wheels of its layer")
    try:
        with contextlib.ExitStack() as stack:
            architectures = dict.fromkeys((machine(), DEPLOYED))
            builds = {name: stack.enter_context(_building(folder / name, name)) for name in architectures}
            for name, process in builds.items():
                said = process.communicate(timeout=_SECONDS)[0]
                assert process.returncode == 0, f"sam build for {name} failed (it needs PyPI):\n{said}"
        made = Artifacts(
            folder=folder / machine() / "build",
            layer=folder / machine() / "build" / "ConnectorLayer",
            deployed_layer=folder / DEPLOYED / "build" / "ConnectorLayer",
            runtime=_runtime(folder / "runtime"),
        )
        _set_writable(made.folder, writable=False)  # as Lambda's /opt and /var/task
        yield made
    finally:
        _set_writable(folder, writable=True)
        shutil.rmtree(folder)


def machine() -> str:
    """Return this machine's architecture, in Lambda's word for it."""
    return {"aarch64": "arm64"}.get(platform.machine(), platform.machine())


@contextlib.contextmanager
def _building(folder: Path, architecture: str) -> Iterator[subprocess.Popen[str]]:
    """Build everything for this machine, as `make build` does; or the layer alone for another, as SAM does it."""
    folder.mkdir()
    if architecture == machine():
        command = _sam_build(folder)
    else:
        (folder / "build" / "ConnectorLayer").mkdir(parents=True)
        artifacts = f"ARTIFACTS_DIR={folder / 'build' / 'ConnectorLayer'}"
        command = ["make", "-C", str(ROOT / "layers" / "connector"), "build-ConnectorLayer", artifacts]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AWS_", "MAKE", "MFLAGS"))
    } | {
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "LAYER_ARCHITECTURE": architecture,
        "AWS_DEFAULT_REGION": "eu-central-1",
        "SAM_CLI_TELEMETRY": "0",
        "__SAM_CLI_APP_DIR": str(folder / "settings"),
    }
    # fmt: off
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,  # SAM starts make, and make starts pip: all must end
    )
    # fmt: on
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def _sam_build(folder: Path) -> list[str]:
    """Return the command that builds a copy of the template, for this machine's architecture, into `folder`."""
    template = folder / "template.yaml"
    template.write_text(re.sub(rf"\b{DEPLOYED}\b", machine(), (ROOT / "template.yaml").read_text()))
    # fmt: off
    return [
        sys.executable, "-m", "samcli", "build", "--template-file", str(template), "--base-dir", str(ROOT),
        "--build-dir", str(folder / "build"), "--cache-dir", str(folder / "cache"), "--no-cached", "--parallel",
    ]
    # fmt: on


def _runtime(folder: Path) -> Path:
    """Fill a folder with what the Lambda runtime has installed, linked from this environment."""
    folder.mkdir()
    for distribution in _with_dependencies(RUNTIME):
        for name in sorted({path.parts[0] for path in distribution.files or ()} - {"..", "__pycache__"}):
            (folder / name).symlink_to(SITE / name)
    return folder


def _with_dependencies(names: Sequence[str]) -> list[importlib.metadata.Distribution]:
    found: dict[str, importlib.metadata.Distribution] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = importlib.metadata.distribution(name)
        needed = [one for one in found[name].requires or () if "extra ==" not in one]
        waiting += [re.split(r"[^\w.-]", one)[0] for one in needed]
    return list(found.values())


def _set_writable(folder: Path, *, writable: bool) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o200 if writable else mode & ~0o222)
