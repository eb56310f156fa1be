"""Rules about calls to other systems: no POST is repeated, and each call has a timeout."""

import ast
from collections.abc import Iterator

from tests.contract.code_rules.source import FUNCTIONS, Source, identifier, is_constant, keyword

_RETRIERS = {"tenacity", "backoff", "retrying", "retry", "stamina", "opnieuw"}
_SENDERS = {"send", "request", "change", "_request", "urlopen"}  # their first argument is the method
_ENDLESS = {"range", "count", "repeat", "cycle"}

_VERBS = {"get", "post", "put", "patch", "delete", "head", "options", "request", "urlopen"}
_SESSIONS = {"requests.Session", "requests.session", "requests.sessions.Session", "urllib3.PoolManager"}
_NEED_TIMEOUT = {
    *(f"requests.{verb}" for verb in _VERBS),
    *(f"requests.api.{verb}" for verb in _VERBS),
    *("urllib.request.urlopen", "urllib3.request", "socket.create_connection", "smtplib.SMTP"),
    *("http.client.HTTPConnection", "http.client.HTTPSConnection"),
}
_NEED_CONFIG = {"boto3.client", "boto3.resource"}
_MONGODB_TIMEOUTS = ("timeoutMS", "socketTimeoutMS")


def repeated_post(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Find a POST that is made again: by a library, in a loop, or where it failed."""
    for name in sorted(set(source.imported.values())):
        if name.partition(".")[0] in _RETRIERS:
            yield source.tree.body[0], f"{name} repeats what it decorates"
    for call in source.calls:
        if source.full_name(call.func).endswith(".Retry") and not _spares_posts(call):
            yield call, "allowed_methods must be a literal list without POST"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute | ast.Name) and identifier(node) == "DEFAULT_ALLOWED_METHODS":
            yield node, "allowed methods are an argument"
    posting = _Posting(source)
    for call in posting.calls:
        if problem := posting.problem(call):
            yield call, problem


def _spares_posts(call: ast.Call) -> bool:
    allowed = keyword(call, "allowed_methods", "method_whitelist")
    match allowed:
        case None:
            return True  # urllib3's default is without POST
        case ast.List(elts=methods) | ast.Tuple(elts=methods) | ast.Set(elts=methods):
            return all(isinstance(one, ast.Constant) and one.value != "POST" for one in methods)
        case _:
            return False


class _Posting:
    """The calls of a module that make a POST, themselves or by a function of the module that does."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._functions: set[str] = set()
        self.calls: list[ast.Call] = []
        known = -1
        while known < len(self.calls):
            known = len(self.calls)
            self.calls = [call for call in source.calls if self._posts(call)]
            self._functions = {getattr(source.function_of(call), "name", "") for call in self.calls} - {""}

    def _posts(self, call: ast.Call) -> bool:
        name = identifier(call.func)
        method = call.args[0] if call.args else keyword(call, "method")
        if name == "post" or (name in _SENDERS and is_constant(method, "POST")):
            return True
        if name == "urlopen" and (keyword(call, "data") or call.args[1:]):
            return True
        is_own = isinstance(call.func, ast.Name) or is_self(getattr(call.func, "value", None))
        return name in self._functions and is_own

    def problem(self, call: ast.Call) -> str | None:
        """Return how a POST comes to be repeated; None if it is not."""
        inner: ast.AST = call
        for node in self._source.around(call):
            if isinstance(node, FUNCTIONS):
                return None
            if isinstance(node, ast.While) and not self._leaves(inner):
                return "a POST in a while loop"
            if isinstance(node, ast.For) and inner in node.body and self._repeats(node, call):
                return "a POST in a loop that makes it again"
            if _has_counter(node):
                return "a POST in a comprehension that makes it again"
            if isinstance(node, ast.ExceptHandler) and self._was_tried(node, call):
                return "a POST that is made again where it failed"
            inner = node
        return None

    def _leaves(self, statement: ast.AST) -> bool:
        return isinstance(statement, ast.Return)

    def _repeats(self, loop: ast.For, call: ast.Call) -> bool:
        """Return whether a loop makes the same request in each round, and not one for each item."""
        if _counts(loop.iter):
            return True
        items = {identifier(node) for node in ast.walk(loop.target)}
        assigned = self._source.assigned(loop)
        while more := {
            name
            for name, values in assigned.items()
            if name not in items and any(_mentions(value, items) for value in values)
        }:
            items |= more
        return not _mentions(call, items)

    def _was_tried(self, handler: ast.ExceptHandler, call: ast.Call) -> bool:
        tried = self._source.parents[handler]
        body = tried.body if isinstance(tried, ast.Try | ast.TryStar) else []
        return any(one in self.calls and one is not call for part in body for one in ast.walk(part))


def _counts(items: ast.expr) -> bool:
    """Return whether a loop is over numbers: tries, or the pauses between them."""
    is_numbers = isinstance(items, ast.List | ast.Tuple) and all(
        isinstance(one, ast.Constant) and isinstance(one.value, int | float) for one in items.elts
    )
    return is_numbers or identifier(items) in _ENDLESS


def _has_counter(node: ast.AST) -> bool:
    return isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) and any(
        _counts(one.iter) for one in node.generators
    )


def is_self(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def _mentions(node: ast.AST, names: set[str]) -> bool:
    return any(isinstance(one, ast.Name) and one.id in names for one in ast.walk(node))


def call_without_timeout(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Find a call that may wait for ever."""
    sessions = {name for name, values in source.assigned(source.tree).items() if any(_opens(source, v) for v in values)}
    for call in source.calls:
        name = source.full_name(call.func)
        if name in _NEED_TIMEOUT or _is_of_session(source, call, sessions):
            if _is_endless(keyword(call, "timeout")):
                yield call, "give it a timeout"
        elif name in _NEED_CONFIG or (identifier(call.func) in ("client", "resource") and "boto3" in ast.unparse(call)):
            if keyword(call, "config") is None:
                yield call, "give it a config with timeouts"
        elif name.endswith(".MongoClient") and all(_is_endless(keyword(call, one)) for one in _MONGODB_TIMEOUTS):
            yield call, "give it timeoutMS"


def _is_of_session(source: Source, call: ast.Call, sessions: set[str]) -> bool:
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in _VERBS:
        return False
    owner = call.func.value
    return _opens(source, owner) or identifier(owner) in sessions or identifier(owner).strip("_") == "session"


def _opens(source: Source, node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and source.full_name(node.func) in _SESSIONS


def _is_endless(timeout: ast.expr | None) -> bool:
    if isinstance(timeout, ast.Tuple):
        return any(_is_endless(one) for one in timeout.elts)
    return timeout is None or is_constant(timeout, None)
