"""A rule about URLs: what becomes part of a path or query is quoted, so that no id can lead somewhere else."""

import ast
import re
from collections.abc import Iterator

from tests.contract.code_rules.source import Source, identifier, words

_CLIENTS = {"transport", "graph", "retell", "probe"}
_METHODS = {"get": 0, "send": 1, "change": 1, "_request": 1}  # the position of the path
_QUOTERS = {"quote", "quote_plus", "urlencode", "quoted"}
_BASES = {"url", "uri", "base", "origin", "endpoint", "host"}


def unquoted_path(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Find a value that is put into a URL, or into the path of a Graph or Retell call, unquoted."""
    assigned = source.assigned(source.tree)
    for call in source.calls:
        path = _path(call)
        paths = [path, *assigned.get(identifier(path), [])] if path is not None else []
        if any(not _is_safe(part) for one in paths for part in _inserted(one)):
            yield call, "give the path as segments, or quote what is put into it"
        if source.full_name(call.func) == "urllib.parse.urljoin" and not all(map(_is_safe, call.args[1:])):
            yield call, "quote what is joined to a URL"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.expr) and not isinstance(source.parents.get(node), ast.BinOp):
            for part in _after_base(node):
                if not _is_safe(part):
                    yield node, f"quote `{ast.unparse(part)}`"


def _path(call: ast.Call) -> ast.expr | None:
    """Return the path of a Graph or Retell call."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in _METHODS:
        return None
    if not _CLIENTS & {*words(identifier(call.func.value))}:
        return None
    position = _METHODS[call.func.attr]
    named = [one.value for one in call.keywords if one.arg == "path"]
    return named[0] if named else call.args[position] if len(call.args) > position else None


def _pieces(node: ast.expr) -> list[ast.expr]:
    """Return the parts of which an expression makes a text; none if it makes none."""
    match node:
        case ast.JoinedStr(values=values):
            return [one.value if isinstance(one, ast.FormattedValue) else one for one in values]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            one, other = _pieces(left) or [left], _pieces(right) or [right]
            return [*one, *other]
        case ast.BinOp(left=ast.Constant(value=str()) as text, op=ast.Mod(), right=right):
            return [text, *(right.elts if isinstance(right, ast.Tuple) else [right])]
        case ast.Call(func=ast.Attribute(attr="format", value=ast.Constant(value=str()) as text), args=values):
            return [text, *values, *(one.value for one in node.keywords)]
        case ast.Call(
            func=ast.Attribute(attr="join", value=ast.Constant(value=str(text)) as slash), args=[ast.List() as found]
        ):
            return [part for one in found.elts for part in (one, slash)] if "/" in text else []
        case _:
            return []


def _inserted(path: ast.expr) -> list[ast.expr]:
    return [one for one in _pieces(path) if not isinstance(one, ast.Constant)]


def _after_base(node: ast.expr) -> Iterator[ast.expr]:
    """Yield what is put into a URL after its base."""
    has_base = False
    for index, part in enumerate(pieces := _pieces(node)):
        if isinstance(part, ast.Constant):
            has_base = has_base or bool(re.search(r"https?://", str(part.value)))
        elif index == 0 and _is_base(part) and len(pieces) > 1 and _continues(pieces[1]):
            has_base = True
        elif has_base:
            yield part


def _continues(piece: ast.expr) -> bool:
    """Return whether a part continues a URL, and not a sentence about one."""
    return not isinstance(piece, ast.Constant) or str(piece.value).startswith(("/", "?", "#"))


def _is_base(node: ast.expr) -> bool:
    return bool(_BASES & {*words(identifier(node))})


def _is_safe(node: ast.expr) -> bool:
    """Return whether a value cannot change a URL's path: quoted, a number, or one that the deployment names."""
    match node:
        case ast.Constant():
            return True
        case ast.Call(func=ast.Attribute(value=ast.Name(id="settings"))):
            return True
        case ast.Call(func=function):
            return identifier(function) in {*_QUOTERS, "int"}
        case ast.IfExp(body=one, orelse=other):
            return _is_safe(one) and _is_safe(other)
        case ast.JoinedStr() | ast.BinOp():
            return all(_is_safe(one) for one in _inserted(node))
        case _:
            return identifier(node).isupper() or identifier(node) == "port"
