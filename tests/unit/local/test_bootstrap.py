"""`make setup` on machines with other Pythons, on a PATH that holds fakes only."""

import shutil
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TOOLS = ("sh", "dirname", "cat", "sed", "grep", "head", "tail", "mktemp", "rm", "mkdir", "ln", "sleep", "cp")

PYTHON = """#!/bin/sh
# A Python: says its version, makes venvs, and installs by pip what is asked for.
case "$*" in
*version_info*) echo @VERSION@ ;;
*"-m venv"*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
*"-m pip --version"*) exit @PIP@ ;;
*"--target"*)
    [ -z "$OFFLINE" ] || { echo "WARNING: Retrying"; echo "ERROR: No matching distribution found for uv"; exit 1; }
    mkdir -p .python/uv/bin && cp @BIN@/fake-uv .python/uv/bin/uv ;;
*"-m pip install"*)
    [ -z "$OFFLINE" ] || { echo "ERROR: No matching distribution found for uv"; exit 1; }
    cp @BIN@/fake-uv .venv/bin/uv ;;
esac
"""
UV = """#!/bin/sh
# uv: fetches a Python into a folder, and installs packages.
case "$*" in
"python install"*)
    [ -z "$NO_GITHUB" ] || { echo "error: Failed to install cpython-3.13"; echo "  Caused by: dns error."; exit 2; }
    mkdir -p "$UV_PYTHON_INSTALL_DIR/cpython-3.13.1-any/bin"
    cp @BIN@/fake-python "$UV_PYTHON_INSTALL_DIR/cpython-3.13.1-any/bin/python3.13" ;;
"pip install"*) for name in one two three; do echo " + $name==1.0"; done ;;
esac
"""
SHIM = """#!/bin/sh
echo "pyenv: python3.13: command not found" >&2
exit 127
"""


class Machine:
    """A machine with these programs and no others."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        (self.project / "local").mkdir(parents=True)
        shutil.copy(ROOT / "local" / "bootstrap.sh", self.project / "local")
        (self.project / "requirements-dev.txt").write_text("one==1.0\nuv==0.1 \\\n    --hash=sha256:0\n")
        self.bin = folder / "bin"
        self.bin.mkdir()
        for tool in TOOLS:
            (self.bin / tool).symlink_to(str(shutil.which(tool)))
        self.python("fake-python", "3.13")
        self.put("fake-uv", UV)

    def put(self, name: str, script: str) -> Path:
        path = self.bin / name
        path.write_text(script.replace("@BIN@", str(self.bin)))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    def python(self, name: str, version: str, *, pip: bool = True) -> Path:
        return self.put(name, PYTHON.replace("@VERSION@", version).replace("@PIP@", "0" if pip else "1"))

    def setup(self, **environment: str) -> subprocess.CompletedProcess[str]:
        names = {"OFFLINE": "", "NO_GITHUB": "", "PATH": str(self.bin), "HOME": str(self.project)}
        return subprocess.run(
            [str(self.bin / "sh"), str(self.project / "local" / "bootstrap.sh")],
            env=names | environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def is_set_up(self) -> bool:
        return (self.project / ".venv" / ".installed").exists()


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def refused(process):
    """The one sentence with which the set-up fails."""
    assert process.returncode == 1
    assert process.stderr.count("\n") == 1, process.stderr
    return process.stderr.strip()


@pytest.mark.parametrize("name", ["python3.13", "python3", "python"])
def test_an_installed_python_313_is_used(machine, name):
    machine.python(name, "3.13")
    done = machine.setup()

    assert done.returncode == 0, done.stderr
    assert f"Installing into .venv with {name} " in done.stdout
    assert machine.is_set_up
    assert not (machine.project / ".python").exists()


def test_progress_is_shown_and_no_package_is_listed(machine):
    machine.python("python3.13", "3.13")
    done = machine.setup()

    assert "2 packages ." in done.stdout
    assert " done" in done.stdout
    assert "==" not in done.stdout + done.stderr


def test_the_second_set_up_does_and_says_nothing(machine):
    machine.python("python3.13", "3.13")
    machine.setup()

    again = machine.setup()
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


def test_another_python_3_fetches_313_and_the_user_is_told(machine):
    machine.python("python3", "3.11")
    done = machine.setup()

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Python 3.13 was not found: python3 is Python 3.11. uv fetches it into .python/")
    assert machine.is_set_up
    assert "cpython-3.13.1-any" in done.stdout


def test_the_fetched_python_is_found_again(machine):
    machine.python("python3", "3.11")
    machine.setup()
    shutil.rmtree(machine.project / ".venv")

    done = machine.setup(NO_GITHUB="1")
    assert done.returncode == 0, done.stderr
    assert "was not found" not in done.stdout


def test_a_pyenv_shim_that_points_nowhere_is_passed_over(machine):
    machine.put("python3.13", SHIM)
    machine.python("python3", "3.12")
    done = machine.setup()

    assert done.returncode == 0, done.stderr
    expected = "python3.13 does not run (pyenv: python3.13: command not found), python3 is Python 3.12"
    assert f"Python 3.13 was not found: {expected}." in done.stdout


def test_python_313_of_pyenv_is_found_behind_such_a_shim(machine):
    machine.put("python3.13", SHIM)
    inside = machine.project / ".pyenv" / "versions" / "3.13.2" / "bin"
    inside.mkdir(parents=True)
    shutil.copy(machine.bin / "fake-python", inside / "python3.13")
    done = machine.setup()

    assert done.returncode == 0, done.stderr
    assert f"Installing into .venv with {inside}/python3.13" in done.stdout


def test_a_named_python_is_preferred(machine):
    machine.python("python3.13", "3.13")
    mine = machine.python("mine", "3.13")

    assert f"with {mine} " in machine.setup(PYTHON=str(mine)).stdout


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("old", "old is Python 3.11"),
        ("shim", "shim does not run (pyenv: python3.13: command not found)"),
        ("absent", "there is no such program"),
    ],
)
def test_a_wrong_named_python_is_told_with_what_it_is(machine, named, found):
    machine.python("python3.13", "3.13")
    machine.python("old", "3.11")
    machine.put("shim", SHIM)

    expected = f"PYTHON={named} is not Python 3.13: {found}. Name a Python 3.13, or leave PYTHON out."
    assert refused(machine.setup(PYTHON=named)) == expected
    assert not machine.is_set_up


@pytest.mark.parametrize(
    ("prepare", "found"),
    [
        (lambda machine: None, "there is no python3"),
        (
            lambda machine: machine.put("python3.13", SHIM),
            "python3.13 does not run (pyenv: python3.13: command not found)",
        ),
        (lambda machine: machine.python("python3", "3.9", pip=False), "python3 is Python 3.9"),
        (lambda machine: machine.python("python", "2.7"), "python is Python 2.7"),
    ],
)
def test_a_machine_that_cannot_fetch_it_is_told_what_was_found(machine, prepare, found):
    prepare(machine)

    sentence = refused(machine.setup())
    assert sentence.startswith(f"Python 3.13 is needed and was not found ({found}), and no Python 3 with pip")
    assert sentence.endswith("Install Python 3.13, or name it: make PYTHON=/path/to/python3.13 …")


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("OFFLINE", "uv could not be installed by python3: ERROR: No matching distribution found for uv."),
        ("NO_GITHUB", "uv could not fetch Python 3.13: Caused by: dns error."),
    ],
)
def test_no_network_is_told_where_python_is_fetched(machine, fault, sentence):
    machine.python("python3", "3.11")

    assert refused(machine.setup(**{fault: "1"})).startswith(f"{sentence} Check the network and try again.")


def test_no_network_is_told_where_packages_are_installed(machine):
    machine.python("python3.13", "3.13")

    assert refused(machine.setup(OFFLINE="1")).startswith(
        "The packages could not be installed: ERROR: No matching distribution found for uv. Check the network"
    )
    assert not machine.is_set_up
    assert machine.setup().returncode == 0, "the next set-up goes on"
