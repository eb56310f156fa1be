"""What both flavours' exchanges of codes and tokens have in common."""

import hmac

from flask import Response, jsonify

from local.simulators.connection import drop_connection
from local.simulators.meta.faults import MetaFaults
from local.simulators.meta.login import LoginCode
from local.simulators.meta.shapes import Json
from local.simulators.meta.tokens import Login
from local.simulators.meta.world import World


def find_code(world: World, login: Login, given: str | None) -> LoginCode | None:
    """Find the code, if it is one of this flavour."""
    code = world.codes.get(given or "")
    return code if code is not None and code.login == login else None


def is_secret(secret: str, given: str | None) -> bool:
    """Tell whether the right secret was given."""
    return hmac.compare_digest(secret.encode(), (given or "").encode())


def answer_unless_lost(faults: MetaFaults, body: Json) -> Response:
    """Answer, or close the connection after everything was done."""
    return drop_connection() if faults.take_lost_token_answer() else jsonify(body)
