"""Rules about MongoDB: no operator and no filter comes from input, and no value of one without its type being known."""

import ast
from collections.abc import Iterator
from itertools import pairwise

from tests.contract.code_rules.source import FUNCTIONS, Source, identifier, keyword

_SCRIPTS = {"$where", "$function", "$accumulator"}
_QUERIES = {
    *("find", "find_one", "find_one_and_update", "find_one_and_delete", "find_one_and_replace", "update_one"),
    *("update_many", "delete_one", "delete_many", "replace_one", "count_documents", "aggregate", "UpdateOne"),
    *("UpdateMany", "DeleteOne", "DeleteMany", "ReplaceOne", "insert_one", "insert_many", "InsertOne"),
}
# JSON from outside, by the names that it usually has, and by where it comes from.
_INPUTS = {
    *("body", "event", "form", "headers", "json_body", "payload", "params", "query", "query_string_parameters"),
    *("request", "args", "raw", "claims", "posted"),
}
_ARGUMENTS = ("filter", "pipeline", "update", "replacement", "document")
_PARSERS = {"json.loads", "json.load", "urllib.parse.parse_qs", "urllib.parse.parse_qsl"}


def operator_from_input(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Find code that MongoDB would run, and operators whose names are made at run time."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and node.value in _SCRIPTS:
            yield node, f"{node.value} runs code in the database"
        elif _is_made_operator(node) and not _is_value(node, source.parents.get(node)):
            yield node, "an operator is a literal"


def _is_made_operator(node: ast.AST) -> bool:
    match node:
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Add()):
            return text.endswith("$")
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod()):
            return "$%" in text
        case ast.Call(func=ast.Attribute(attr="format", value=ast.Constant(value=str(text)))):
            return "${" in text
        case ast.JoinedStr(values=[*parts]):
            return any(
                isinstance(part, ast.Constant)
                and str(part.value).endswith("$")
                and isinstance(made, ast.FormattedValue)
                for part, made in pairwise(parts)
            )
        case _:
            return False


def _is_value(node: ast.AST, parent: ast.AST | None) -> bool:
    """Return whether a text is a value in a document, where `$name` is the path of a field."""
    match parent:
        case ast.Dict(values=values):
            return node in values
        case ast.DictComp(value=value):
            return node is value
        case _:
            return isinstance(parent, ast.List)


def filter_from_input(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Find untyped input in a filter: as a value, `{"$ne": null}` matches every document."""
    for call in source.calls:
        if identifier(call.func) not in _QUERIES or not isinstance(call.func, ast.Attribute | ast.Name):
            continue
        filters = [*call.args[:2], *(value for name in _ARGUMENTS if (value := keyword(call, name)))]
        scope = _Scope(source, source.function_of(call))
        for one in filters:
            for leaf in scope.leaves(one):
                if scope.is_input(leaf):
                    yield call, f"`{ast.unparse(leaf)}` may be an object: give the filter a value of a known type"


class _Scope:
    """One function: what its names may hold."""

    def __init__(self, source: Source, function: ast.AST) -> None:
        self._source = source
        self._assigned = source.assigned(function)
        self._inputs = _INPUTS - {*source.imported}
        if isinstance(function, FUNCTIONS):
            # Annotated as what has one type, a parameter is no input.
            arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
            self._inputs -= {
                one.arg for one in arguments if one.annotation is not None and not _is_open(one.annotation)
            }

    def leaves(self, node: ast.expr, known: frozenset[str] = frozenset()) -> Iterator[ast.expr]:
        """Yield the expressions that end up in a filter as they are."""
        if isinstance(node, ast.Name) and node.id in self._assigned and node.id not in known:
            parts, known = self._assigned[node.id], known | {node.id}
        elif (displayed := _displayed(node)) is not None:
            parts = displayed
        else:
            yield node
            return
        for part in parts:
            yield from self.leaves(part, known)

    def is_input(self, node: ast.expr, known: frozenset[str] = frozenset()) -> bool:
        """Return whether an expression is untyped input. Any other call is taken to return a known type."""
        match node:
            case ast.Name(id=name) if name in self._assigned and name not in known:
                return any(self.is_input(value, known | {name}) for value in self._assigned[name])
            case ast.Name(id=name):
                return name in self._inputs
            case ast.Subscript(value=value):
                return self._is_holder(value, known)
            case ast.Call(func=ast.Attribute(attr="get" | "pop" | "values" | "items" | "getlist", value=value)):
                return self._is_holder(value, known)
            case ast.Call(func=ast.Attribute(attr="json" | "get_json", value=_), args=[]):
                return True
            case ast.Call(func=function):
                return self._source.full_name(function) in _PARSERS
            case ast.Attribute(attr=name, value=ast.Name(id=owner)):
                return name in self._inputs and owner in ("request", "app", "current_event", "event")
            case ast.BoolOp(values=items):
                return any(self.is_input(item, known) for item in items)
            case ast.IfExp(body=one, orelse=other):
                return self.is_input(one, known) or self.is_input(other, known)
            case _:
                return False

    def _is_holder(self, node: ast.expr, known: frozenset[str]) -> bool:
        """Return whether an expression holds input: `request.args`, `body["filter"]`, `json.loads(text)`."""
        return self.is_input(node, known) or (isinstance(node, ast.Attribute) and node.attr in self._inputs)


def _displayed(node: ast.expr) -> list[ast.expr] | None:
    """Return what an expression puts together to a document or list; None if it does not."""
    match node:
        case ast.Dict(keys=keys, values=values):
            # `$eq` compares with its value, whatever that is.
            return [key for key in keys if key is not None] + [
                value
                for key, value in zip(keys, values, strict=True)
                if not (isinstance(key, ast.Constant) and key.value == "$eq")
            ]
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts) | ast.BoolOp(values=parts):
            return parts
        case ast.BinOp(left=one, right=other, op=ast.BitOr()) | ast.IfExp(body=one, orelse=other):
            return [one, other]
        case ast.Call(func=ast.Name(id="dict"), args=arguments, keywords=keywords):
            return [*arguments, *(keyword.value for keyword in keywords)]
        case (
            ast.NamedExpr(value=value) | ast.Starred(value=value) | ast.DictComp(value=value) | ast.ListComp(elt=value)
        ):
            return [value]
        case _:
            return None


def _is_open(annotation: ast.expr) -> bool:
    """Return whether an annotation leaves open what a value is."""
    return any(identifier(node) in ("Any", "object", "dict", "Mapping", "Json") for node in ast.walk(annotation))
