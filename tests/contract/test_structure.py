"""The folders are the architecture: small handlers, imports that run one way, a webhook that starts cold quickly."""

import ast
import functools
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.deployment import FOLDERS, ROOT

LAYER = ROOT / "layers" / "connector"
MODULES = {
    ".".join(path.relative_to(LAYER).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(LAYER.glob("connector/**/*.py"))
}
MAX_HANDLER_LINES = 40

# What speaks to somebody outside, and the packages it speaks through.
OUTSIDE = {"boto3", "botocore", "requests", "urllib3", "pymongo", "qrcode"}
ADAPTERS = {
    *("connector.storage", "connector.agents.retell", "connector.wiring", "connector.aws", "connector.queues"),
    *("connector.transport", "connector.instagram.graph", "connector.instagram.errors", "connector.instagram.links"),
} | OUTSIDE

# Who may not come to import whom, neither directly nor by way of others.
RULES = [
    ("connector.conversation", ADAPTERS | {"connector.http", "connector.lifecycle", "connector.settings"}),
    ("connector.ports", ADAPTERS),
    *(
        (adapter, {"connector.conversation", "connector.http", "connector.wiring", "connector.lifecycle"})
        for adapter in ("connector.storage", "connector.instagram", "connector.agents")
    ),
    # An adapter knows no other.
    ("connector.storage", {"connector.agents", "connector.transport", "requests"}),
    ("connector.agents", {"connector.storage", "connector.instagram", "pymongo", "boto3"}),
    ("connector.instagram", {"connector.storage", "connector.agents", "pymongo", "boto3"}),
    *(
        (bottom, ADAPTERS | {"connector.instagram", "connector.conversation", "connector.http", "connector.lifecycle"})
        for bottom in (
            "connector.errors",
            "connector.settings",
            "connector.chat",
            "connector.accounts",
            "connector.agents.answers",
            "connector.tenancy",
        )
    ),
]

# What the webhook has no use for, and Meta would wait for.
SLOW = ("pydantic", "pymongo", "requests", "jwt", "qrcode", "regex", "aws_lambda_powertools.event_handler")


def imports(path: Path) -> Iterator[str]:
    """Yield every module that a file may import, wherever in it; `from x import y` as `x`, or as `x.y` if a module."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import hides what is imported"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else str(node.module) for name in names)


@functools.cache
def reached(module: str) -> dict[str, tuple[str, ...]]:
    """Return everything that importing a module of ours may import, each with the way that leads to it."""
    ways: dict[str, tuple[str, ...]] = {}
    waiting: list[tuple[str, ...]] = [(module,)]
    while waiting:
        way = waiting.pop(0)
        if way[-1] in ways:
            continue
        ways[way[-1]] = way
        if way[-1] in MODULES:
            waiting += [(*way, name) for name in imports(MODULES[way[-1]])]
    return ways


def within(name: str, parents: set[str]) -> bool:
    """Return whether a module is one of `parents`, or inside one."""
    return any(name == parent or name.startswith(f"{parent}.") for parent in parents)


def imported_by(folder: str) -> set[str]:
    """Import a handler in a process of its own, and return the modules that are loaded then."""
    code = "import sys; sys.path[:0] = sys.argv[1:]; import app; print(*sys.modules, sep='\\n')"
    command = [sys.executable, "-c", code, str(ROOT / "functions" / folder), str(LAYER)]
    environment = {
        "AWS_DEFAULT_REGION": "eu-central-1",
        "PARAMETER_PREFIX": "/stack",
        "INBOX_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/inbox",
        "PATH": os.environ["PATH"],
    }
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert process.returncode == 0, process.stderr
    return set(process.stdout.split())


# ── Functions ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_is_one_file_under_40_lines(folder):
    files = [path for path in (ROOT / "functions" / folder).rglob("*") if "__pycache__" not in path.parts]

    assert [path.name for path in files] == ["app.py"]
    lines = len(files[0].read_text().splitlines())
    assert lines < MAX_HANDLER_LINES, f"{lines} lines: what is more than one thought belongs into the layer"


def test_functions_hold_nothing_but_functions():
    strangers = {path.name for path in (ROOT / "functions").iterdir()} - set(FOLDERS) - {"__pycache__"}

    assert strangers == set()


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_imports_the_connector_and_no_other_function(folder):
    ours = {name.partition(".")[0] for name in imports(ROOT / "functions" / folder / "app.py")}

    assert ours - set(sys.stdlib_module_names) <= {"connector", "aws_lambda_powertools"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_says_first_what_it_is_for(folder):
    docstring = ast.get_docstring(ast.parse((ROOT / "functions" / folder / "app.py").read_text()))

    assert docstring
    assert re.fullmatch(r"[^\n]{20,110}\.", docstring), f"not one sentence: {docstring!r}"


# ── The layer ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("part", "forbidden"), RULES, ids=[part for part, _ in RULES])
def test_imports_run_one_way(part, forbidden):
    ours = [module for module in MODULES if within(module, {part})]
    assert ours, f"{part} is not there: mend this test's table"

    wrong = [
        " → ".join(way)
        for module in ours
        for name, way in reached(module).items()
        if within(name, forbidden) and not within(name, {part})
    ]
    assert wrong == []


def test_the_walk_along_imports_finds_what_is_behind_others():
    assert "pymongo" in {name.partition(".")[0] for name in reached("connector.http")}, "the rules above cannot fail"


def test_nothing_in_the_layer_knows_of_the_local_system_or_the_tests():
    wrong = [
        (module, name)
        for module, path in MODULES.items()
        for name in imports(path)
        if within(name, {"local", "tests", "functions", "moto", "samcli", "samtranslator"})
    ]

    assert wrong == []


def test_nothing_in_the_layer_speaks_of_running_locally():
    wrong = [
        module for module, path in MODULES.items() if re.search(r"localhost|127\.0\.0\.1|moto\b", path.read_text())
    ]

    assert wrong == [], "only endpoint URLs and credentials differ, and they come from the environment"


@pytest.mark.parametrize("module", [name for name, path in MODULES.items() if path.name == "__init__.py"])
def test_an_init_file_is_empty_so_that_importing_one_module_imports_one_module(module):
    assert MODULES[module].read_bytes() == b""


def test_every_folder_of_the_layer_is_a_package():
    folders = {path.parent for path in MODULES.values()}

    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_only_settings_reads_the_environment():
    readers = set()
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            named = node.attr if isinstance(node, ast.Attribute) else node.name if isinstance(node, ast.alias) else ""
            if named in ("environ", "environb", "getenv", "getenvb"):
                readers.add(module)

    assert readers == {"connector.settings"}


# ── Cold starts ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_f3_the_webhook_loads_nothing_that_meta_would_wait_for():
    loaded = imported_by("webhook")

    assert sorted(name for name in loaded if within(name, set(SLOW))) == []


def test_the_look_at_loaded_modules_sees_them_where_they_are():
    loaded = imported_by("connect")

    missing = {"pydantic", "pymongo", "requests", "jwt", "aws_lambda_powertools.event_handler"} - loaded
    assert missing == set(), "the check above cannot fail"
