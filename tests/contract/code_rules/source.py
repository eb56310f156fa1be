"""Python source as the code rules read it: its syntax tree, and what the names in it refer to."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

type Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)

# An exception stands on the line of the finding, or on the line above it.
_EXCEPTION = re.compile(r"#\s*allow (?P<rule>[a-z-]+): (?P<reason>\S.{15,})")


@dataclass(frozen=True)
class Source:
    """One module."""

    text: str
    name: str = "sample"

    @classmethod
    def read(cls, path: Path) -> "Source":
        return cls(path.read_text("utf-8"), str(path))

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.name)

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The node that each node is part of."""
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    @cached_property
    def imported(self) -> dict[str, str]:
        """The names that are imported, wherever in the module, with the full names of what they refer to."""
        found = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    first = alias.name.partition(".")[0]
                    found[alias.asname or first] = alias.name if alias.asname else first
            elif isinstance(node, ast.ImportFrom):
                found.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
        return found

    def full_name(self, node: ast.AST) -> str:
        """Return `jwt.decode` for whatever refers to that, under any alias; empty if it is no imported name."""
        if isinstance(node, ast.Attribute) and (owner := self.full_name(node.value)):
            return f"{owner}.{node.attr}"
        return self.imported.get(node.id, "") if isinstance(node, ast.Name) else ""

    @cached_property
    def calls(self) -> list[ast.Call]:
        """The calls in function bodies and at module level; those that decorate a function are none of them."""
        decorating = {
            node
            for one in ast.walk(self.tree)
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            for decorator in one.decorator_list
            for node in ast.walk(decorator)
        }
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.Call) and node not in decorating]

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield what a node is part of, from the inside to the outside."""
        while (node := self.parents.get(node, self.tree)) is not self.tree:
            yield node

    def function_of(self, node: ast.AST) -> ast.AST:
        """Return the innermost function around a node, or the module."""
        return next((one for one in self.around(node) if isinstance(one, FUNCTIONS)), self.tree)

    def assigned(self, scope: ast.AST) -> dict[str, list[ast.expr]]:
        """Return what each name is assigned in a function; a loop's name, what it loops over."""
        found: dict[str, list[ast.expr]] = {}
        for node in ast.walk(scope):
            match node:
                case ast.Assign(targets=targets, value=value):
                    pairs = [(target, value) for target in targets]
                case (
                    ast.AnnAssign(target=target, value=ast.expr() as value) | ast.AugAssign(target=target, value=value)
                ):
                    pairs = [(target, value)]
                case ast.NamedExpr(target=target, value=value):
                    pairs = [(target, value)]
                case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
                    pairs = [(target, value)]
                case ast.withitem(optional_vars=ast.expr() as target, context_expr=value):
                    pairs = [(target, value)]
                case _:
                    continue
            for target, value in pairs:
                for one in ast.walk(target):
                    if isinstance(one, ast.Name | ast.Attribute) and isinstance(one.ctx, ast.Store):
                        found.setdefault(identifier(one), []).append(value)
        return found

    def allows(self, rule: str, line: int) -> bool:
        """Return whether a comment allows what a rule finds on a line."""
        nearby = self.text.splitlines()[max(line - 2, 0) : line]
        return any((match := _EXCEPTION.search(one)) and match["rule"] == rule for one in nearby)


def identifier(node: ast.AST) -> str:
    """Return the last name of an expression: `signature` of `request.signature`."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=function):
            return identifier(function)
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            return key
        case ast.Subscript(value=value) | ast.Await(value=value) | ast.Starred(value=value):
            return identifier(value)
        case _:
            return ""


def words(name: str) -> list[str]:
    """Return the words of an identifier, in lower case, without numbers and a plural's s."""
    return [word.lower().rstrip("s") for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def keyword(call: ast.Call, *names: str) -> ast.expr | None:
    """Return the value of the first of these keyword arguments that a call has."""
    return next((one.value for one in call.keywords if one.arg in names), None)


def is_constant(node: ast.AST | None, *values: object) -> bool:
    """Return whether an expression is one of these constants."""
    return isinstance(node, ast.Constant) and any(node.value is one or node.value == one for one in values)
