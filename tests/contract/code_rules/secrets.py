"""Rules about proofs: how a JWT is decoded, and how signatures, digests and tokens are compared."""

import ast
from collections.abc import Iterator

from tests.contract.code_rules.source import Source, identifier, is_constant, keyword, words

_DECODERS = {"jwt.decode", "jwt.decode_complete", "jwt.api_jwt.decode", "jwt.api_jwt.decode_complete"}
_UNVERIFIED = {"jwt.get_unverified_header", "jwt.PyJWT", "jwt.PyJWS", "jwt.api_jwt.PyJWT", "jwt.api_jws.PyJWS"}

_DECODINGS = {"b64decode", "urlsafe_b64decode", "base64url_decode"}
_SPLITS = {"split", "partition", "rpartition", "rsplit"}
_TOKENS = {"token", "jwt", "authorization", "bearer"}

_PROOFS = {
    *("signature", "sig", "digest", "hexdigest", "hmac", "mac", "token", "jwt", "secret", "password", "passphrase"),
    *("nonce", "hash"),
}
_DIGESTS = {"digest", "hexdigest", "compute_signature", "sign"}
_KEYS = {"api", "secret", "private", "signing", "access", "retell"}  # before `key`
_CONVERSIONS = {
    *(
        "encode",
        "decode",
        "strip",
        "rstrip",
        "lstrip",
        "lower",
        "upper",
        "casefold",
        "hex",
        "removeprefix",
        "removesuffix",
        "split",
    ),
    *("partition", "rpartition", "replace", "format", "join", "tobytes", "get_secret_value"),
}
_WRAPPERS = {"str", "bytes", "bytearray", "repr", "b64encode", "urlsafe_b64encode", "hexlify", "tuple", "list", "set"}


def unverified_jwt(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Find a JWT that is decoded without its signature, its algorithms or one of its claims being checked."""
    called = {call.func for call in source.calls}
    for node in ast.walk(source.tree):
        name = source.full_name(node)
        if name in _UNVERIFIED:
            yield node, f"{name} does not verify"
        elif name in _DECODERS and node not in called:
            yield node, f"call {name} where it is named, so that its arguments can be checked"
    for call in source.calls:
        if source.full_name(call.func) in _DECODERS and (problem := _decoding_problem(call)):
            yield call, problem
        elif identifier(call.func) in _DECODINGS and _reads_token(source, call):
            yield call, "a JWT is read by jwt.decode only"


def _reads_token(source: Source, call: ast.Call) -> bool:
    """Return whether a call decodes a part of a token by hand."""
    assigned = source.assigned(source.function_of(call))
    parts = [part for argument in call.args for part in ast.walk(argument)]
    parts += [part for name in map(identifier, parts) for value in assigned.get(name, []) for part in ast.walk(value)]
    splits = [part for part in parts if isinstance(part, ast.Call) and identifier(part.func) in _SPLITS]
    return any(_TOKENS & {*words(identifier(part))} for split in splits for part in ast.walk(split))


def _decoding_problem(call: ast.Call) -> str | None:
    if any(one.arg is None for one in call.keywords):
        return "write the arguments out"
    if not _is_pinned(keyword(call, "algorithms")):
        return "algorithms must be a literal list without `none`"
    if is_constant(keyword(call, "verify"), False):
        return "verify=False"
    options = keyword(call, "options")
    if options is None:
        return None
    if not isinstance(options, ast.Dict) or None in options.keys:
        return "write the options out"
    for key, value in zip(options.keys, options.values, strict=True):
        if not isinstance(key, ast.Constant) or (str(key.value).startswith("verify_") and is_constant(value, False)):
            return f"{ast.unparse(key or options)} is off"
    return None


def _is_pinned(algorithms: ast.expr | None) -> bool:
    match algorithms:
        case ast.IfExp(body=body, orelse=other):
            return _is_pinned(body) and _is_pinned(other)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return bool(items) and all(
                isinstance(one, ast.Constant) and str(one.value).lower() != "none" for one in items
            )
        case _:
            return False


def variable_time_comparison(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Find a proof that is compared in a time that depends on how much of it is right."""
    for node in ast.walk(source.tree):
        pairs: list[tuple[ast.expr, ast.expr]]
        match node:
            case ast.Compare(left=left, ops=ops, comparators=others):
                sides = [left, *others]
                pairs = [
                    (one, other)
                    for one, operation, other in zip(sides, ops, others, strict=False)
                    if isinstance(operation, ast.Eq | ast.NotEq | ast.In | ast.NotIn)
                ]
            case ast.Call(func=ast.Attribute(attr="startswith" | "endswith" | "__eq__", value=one), args=[other, *_]):
                pairs = [(one, other)]
            case ast.Call(func=function, args=[one, other]) if source.full_name(function) == "operator.eq":
                pairs = [(one, other)]
            case _:
                continue
        for one, other in pairs:
            proofs = _named_proof(source, one) or _named_proof(source, other)
            if proofs and not (_is_harmless(one) or _is_harmless(other)):
                yield node, f"compare `{proofs}` with hmac.compare_digest"


def _named_proof(source: Source, side: ast.expr) -> str | None:
    """Return the name of a proof in a side of a comparison, or in what a name there was assigned."""
    values = source.assigned(source.function_of(side)).get(side.id, []) if isinstance(side, ast.Name) else []
    computed = [value for value in values if isinstance(value, ast.Call) and identifier(value) in _DIGESTS]
    return _proofs(side) or next((ast.unparse(side) for _ in computed), None)


def _is_harmless(side: ast.expr) -> bool:
    """Return whether a side is no proof: a literal, or a name in capitals."""
    if isinstance(side, ast.Tuple | ast.List | ast.Set):
        return all(_is_harmless(one) for one in side.elts)
    return isinstance(side, ast.Constant) or identifier(side).isupper()


def _proofs(node: ast.expr) -> str | None:
    """Return the name of a proof that is part of what an expression yields."""
    match node:
        case ast.Call(func=ast.Attribute(attr="get" | "pop" | "getlist"), args=[ast.Constant(value=str(key)), *_]):
            return key if _is_proof(key) else None
        case ast.Call(func=ast.Attribute(attr=name, value=value), args=arguments) if name in _CONVERSIONS:
            parts = [value, *arguments]
        case ast.Call(func=function, args=arguments) if identifier(function) in _WRAPPERS:
            parts = arguments
        case ast.JoinedStr(values=parts) | ast.BoolOp(values=parts):
            pass
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            pass
        case ast.BinOp(left=one, right=other) | ast.IfExp(body=one, orelse=other):
            parts = [one, other]
        case ast.NamedExpr(target=one, value=other):
            parts = [one, other]
        case ast.FormattedValue(value=value) | ast.Subscript(value=value, slice=ast.Slice()):
            parts = [value]
        case _:
            name = identifier(node)
            return name if _is_proof(name) else None
    return next((found for part in parts if (found := _proofs(part))), None)


def _is_proof(name: str) -> bool:
    parts = [word for word in words(name) if word not in ("of", "for", "from")]
    if not parts or name.isupper():
        return False
    is_proof = parts[-1] in _PROOFS or parts[-2:] == ["appsecret", "proof"]
    return is_proof or (parts[-1] == "key" and bool(_KEYS & {*parts}))
