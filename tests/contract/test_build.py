"""What `sam build` makes: complete, compiled, small, and nothing of the repository's besides."""

import importlib.util
import shutil
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.deployment import FOLDERS, ROOT
from tests.contract.test_structure import MODULES, imports

MAX_MEGABYTES = 250  # a function with its layers, unzipped (AWS Lambda, quotas)
UNCHECKED_HASH = 0b01  # PEP 552: by hash, and not compared with the source
AARCH64 = 183  # ELF's e_machine
SOURCE = ROOT / "layers" / "connector"

each_function = pytest.mark.parametrize("folder", FOLDERS)


@pytest.fixture(scope="session")
def imported(artifacts):
    """What the import of each handler of the build took."""
    before = _listing(artifacts.layer)
    seen = {folder: artifacts.imported(folder) for folder in FOLDERS}
    assert _listing(artifacts.layer) == before, "an import wrote into the layer, which is read-only in Lambda"
    return seen


def _listing(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


def _sources(layer: Path) -> Iterator[tuple[Path, Path]]:
    """Yield each source in a layer, with the place of its bytecode."""
    for path in sorted(layer.rglob("*.py")):
        yield path, Path(importlib.util.cache_from_source(str(path)))


# ── It runs ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@each_function
def test_a_handler_imports_from_what_was_built_and_from_the_runtime_alone(artifacts, imported, folder):
    seen = imported[folder]

    assert seen["handler"], "app.handler is not there to be called"
    assert Path(seen["app"]) == artifacts.function(folder) / "app.py"
    assert Path(seen["connector"]).is_relative_to(artifacts.layer)
    foreign = [file for file in seen["files"] if Path(file).is_relative_to(ROOT / "layers")]
    assert foreign == [], "the build is not complete: these came from the source tree"


@each_function
def test_no_module_of_the_layer_is_compiled_again_when_a_handler_is_imported(imported, folder):
    assert imported[folder]["compiled"] == [], "each of these would be compiled at every cold start"


def test_a_module_without_bytecode_is_seen_to_be_compiled(artifacts, tmp_path):
    copy = shutil.copytree(artifacts.layer / "python" / "connector", tmp_path / "connector")
    bytecode = Path(importlib.util.cache_from_source(str(copy / "errors.py")))
    bytecode.parent.chmod(0o755)
    bytecode.unlink()
    bytecode.parent.chmod(0o555)

    seen = artifacts.imported("webhook", tmp_path)

    bytecode.parent.chmod(0o755)
    assert seen["compiled"] == [str(copy / "errors.py")], "the check above cannot fail"


def test_whatever_the_connector_may_import_is_in_the_layer_or_in_the_runtime(artifacts):
    packages = {
        name.partition(".")[0]
        for path in MODULES.values()
        for name in imports(path)
        if not name.startswith("mypy_boto3_")  # for the type checker only
    } - set(sys.stdlib_module_names)

    absent = {
        name
        for name in packages
        if not any(list(folder.glob(f"{name}*")) for folder in (artifacts.layer / "python", artifacts.runtime))
    }
    assert absent == set()


# ── It is compiled ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["layer", "deployed_layer"])
def test_every_source_of_the_layer_has_bytecode_that_is_taken_as_it_is(artifacts, name):
    wrong = {}
    for source, bytecode in _sources(getattr(artifacts, name)):
        if not bytecode.exists():
            wrong[source] = "has none"
            continue
        magic, flags, digest = struct.unpack("<4sI8s", bytecode.read_bytes()[:16])
        if magic != importlib.util.MAGIC_NUMBER:
            wrong[source] = "is of another Python"
        elif flags != UNCHECKED_HASH:
            wrong[source] = f"has the flags {flags:#b}: it is compared with the source, whose time zipping changes"
        elif digest != importlib.util.source_hash(source.read_bytes()):
            wrong[source] = "is of another source"

    assert wrong == {}


def test_no_bytecode_stands_in_the_layer_without_its_source(artifacts):
    of_sources = {bytecode for _, bytecode in _sources(artifacts.layer)}

    assert set(artifacts.layer.rglob("*.pyc")) == of_sources


# ── It holds what it should ──────────────────────────────────────────────────────────────────────────────────────────


def test_the_layer_holds_the_connector_to_the_byte(artifacts):
    sources = {path.relative_to(SOURCE): path.read_bytes() for path in SOURCE.glob("connector/**/*.py")}
    shipped = artifacts.layer / "python"

    assert {path.relative_to(shipped): path.read_bytes() for path in shipped.glob("connector/**/*.py")} == sources


@each_function
def test_a_function_ships_its_one_file(artifacts, folder):
    function = artifacts.function(folder)

    assert [path.name for path in function.rglob("*")] == ["app.py"]
    assert (function / "app.py").read_bytes() == (ROOT / "functions" / folder / "app.py").read_bytes()


@pytest.mark.parametrize("name", ["layer", "deployed_layer"])
def test_the_layer_is_one_python_folder(artifacts, name):
    assert [path.name for path in getattr(artifacts, name).iterdir()] == ["python"]


@pytest.mark.parametrize("name", ["boto3", "botocore", "s3transfer", "pip", "setuptools", "pytest", "moto", "local"])
def test_the_layer_leaves_out_what_the_runtime_has_and_what_only_tests_need(artifacts, name):
    assert list((artifacts.layer / "python").glob(f"{name}*")) == []


def test_the_layer_ships_no_tests_no_makefile_and_no_requirements(artifacts):
    unwanted = ("tests", "test", "Makefile", "requirements*.txt", "bin", ".git*", "*.egg-info", ".mypy_cache")
    found = sorted({path for pattern in unwanted for path in artifacts.layer.rglob(pattern)})

    assert [str(path.relative_to(artifacts.layer)) for path in found] == []


def test_a_function_with_its_layer_stays_under_lambdas_size(artifacts):
    for layer in (artifacts.layer, artifacts.deployed_layer):
        megabytes = sum(path.stat().st_size for path in layer.rglob("*") if path.is_file()) / 1_000_000
        assert megabytes < MAX_MEGABYTES - 1


def test_the_layer_that_deploys_holds_arm64_binaries_only(artifacts):
    machines = {}
    for path in artifacts.deployed_layer.rglob("*.so*"):
        head = path.read_bytes()[:20]
        assert head[:4] == b"\x7fELF", path
        machines[path.name] = struct.unpack_from("<H", head, 18)[0]

    assert machines, "no binary at all: pymongo, regex, pydantic and cryptography should have some"
    assert {name: machine for name, machine in machines.items() if machine != AARCH64} == {}


def test_both_architectures_get_the_same_packages(artifacts):
    def packages(layer: Path) -> set[str]:
        return {path.name for path in (layer / "python").glob("*.dist-info")}

    assert packages(artifacts.layer) == packages(artifacts.deployed_layer)


def test_bytecode_is_compiled_by_the_python_that_reads_it():
    assert sys.version_info[:2] == (3, 13), "bytecode is of one minor version: build and test with the runtime's"
