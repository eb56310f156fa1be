"""The rules of code_rules/ hold in everything that deploys, and each finds what it is for."""

import ast
import re
import subprocess
import sys

import pytest

from tests.contract.code_rules.rules import RULES, findings
from tests.contract.code_rules.samples import SAMPLES
from tests.contract.code_rules.source import Source, identifier
from tests.contract.deployment import FOLDERS, ROOT
from tests.contract.test_structure import MODULES

DEPLOYED = [*MODULES.values(), *(ROOT / "functions" / folder / "app.py" for folder in FOLDERS)]

bad = pytest.mark.parametrize(
    ("rule", "sample"), [(rule, sample) for rule, samples in SAMPLES.items() for sample in samples.bad]
)
good = pytest.mark.parametrize(
    ("rule", "sample"), [(rule, sample) for rule, samples in SAMPLES.items() for sample in samples.good]
)


def test_what_deploys_breaks_no_rule():
    found = [one for path in DEPLOYED for one in findings(Source.read(path))]

    assert found == []


def test_every_exception_in_what_deploys_is_needed():
    idle = []
    for path in DEPLOYED:
        source = Source.read(path)
        allowed = re.findall(r"# allow ([a-z-]+):", source.text)
        found = [name for name, rule in RULES.items() for node, _ in rule(source) if source.allows(name, node.lineno)]
        idle += [(path.name, name) for name in allowed if name not in found]

    assert idle == []


def test_every_rule_has_samples_on_both_sides():
    assert SAMPLES.keys() == RULES.keys()
    assert all(samples.bad and samples.good for samples in SAMPLES.values())


@bad
def test_a_rule_finds_a_bad_sample(rule, sample):
    assert [*RULES[rule](Source(sample))]


@good
def test_a_rule_leaves_a_good_sample_alone(rule, sample):
    assert [problem for _, problem in RULES[rule](Source(sample))] == []


class Mistake(ast.NodeTransformer):
    """Turns constant-time comparisons into `==`, or takes a keyword from the calls of a name."""

    def __init__(self, name: str, keyword: str | None = None) -> None:
        self._name, self._keyword = name, keyword
        self.made = 0

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if identifier(node.func) != self._name:
            return node
        if self._keyword is None:
            self.made += 1
            return ast.Compare(node.args[0], [ast.Eq()], [node.args[1]])
        kept = [one for one in node.keywords if one.arg != self._keyword]
        self.made += len(kept) != len(node.keywords)
        return ast.Call(node.func, node.args, kept)


@pytest.mark.parametrize(
    ("rule", "mistake"),
    [
        ("variable-time-comparison", ("compare_digest", None)),
        ("unverified-jwt", ("decode", "algorithms")),
        ("call-without-timeout", ("request", "timeout")),
        ("call-without-timeout", ("client", "config")),
        ("call-without-timeout", ("MongoClient", "timeoutMS")),
    ],
)
def test_a_rule_finds_its_mistake_wherever_our_code_could_make_it(rule, mistake):
    made = 0
    for path in DEPLOYED:
        transformer = Mistake(*mistake)
        text = ast.unparse(transformer.visit(ast.parse(path.read_text())))
        made += transformer.made
        assert len([*RULES[rule](Source(text, path.name))]) >= transformer.made, path

    assert made, f"nothing is named {mistake[0]} any more"


def test_an_exception_needs_its_rule_and_a_reason():
    sample = "signature == expected  # allow {}\n"
    allowed = findings(Source(sample.format("variable-time-comparison: both sides are our own")))

    assert allowed == []
    for comment in ("unquoted-path: both sides are our own", "variable-time-comparison: why"):
        assert len(findings(Source(sample.format(comment)))) == 1


@pytest.mark.parametrize("folder", ["layers/connector/connector", "functions/send"])
@pytest.mark.parametrize(
    ("code", "sample"),
    [
        ("S307", "eval(body)\n"),
        ("S113", "import requests\n\nrequests.get(url)\n"),
        ("S324", "import hashlib\n\nhashlib.md5(body)\n"),
        ("S501", "import requests\n\nrequests.get(url, verify=False, timeout=1)\n"),
        ("S105", "password = 'hunter2'\n"),
    ],
)
def test_ruffs_security_rules_are_on_for_what_deploys(folder, code, sample):
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format=concise"]
    command += ["--stdin-filename", str(ROOT / folder / "sample.py"), "-"]
    found = subprocess.run(command, input=sample, capture_output=True, text=True, check=False, timeout=60)

    assert f" {code} " in found.stdout, found
