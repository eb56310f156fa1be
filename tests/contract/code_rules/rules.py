"""The rules of our own for what ruff's S rules (bandit's) do not know."""

import ast
from collections.abc import Callable, Iterator

from tests.contract.code_rules import calls, database, secrets, urls
from tests.contract.code_rules.source import Source

type Rule = Callable[[Source], Iterator[tuple[ast.AST, str]]]

RULES: dict[str, Rule] = {
    "unverified-jwt": secrets.unverified_jwt,
    "variable-time-comparison": secrets.variable_time_comparison,
    "operator-from-input": database.operator_from_input,
    "filter-from-input": database.filter_from_input,
    "repeated-post": calls.repeated_post,
    "call-without-timeout": calls.call_without_timeout,
    "unquoted-path": urls.unquoted_path,
}


def findings(source: Source) -> list[str]:
    """Return what the rules find in a module, as `module:line rule: what to do`.

    A comment `# allow <rule>: <reason>` on the line, or on the line above it, makes an exception.
    """
    return [
        f"{source.name}:{node.lineno} {name}: {problem}"
        for name, rule in RULES.items()
        for node, problem in rule(source)
        if not source.allows(name, node.lineno)
    ]
