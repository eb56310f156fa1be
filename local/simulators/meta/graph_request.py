"""What a Graph route reads from the request now being served."""

from typing import Any

from flask import request

from local.simulators.meta.fields import Field, parse_fields
from local.simulators.meta.identity import Caller, business_id, identify, request_token
from local.simulators.meta.proofs import check_proof
from local.simulators.meta.simulation import Simulation
from local.simulators.meta.world import World


def identify_caller(simulation: Simulation, world: World) -> Caller:
    """Find who calls, if the app may call at all."""
    with simulation.faults.open() as faults:
        caller = identify(world, request_token(), expired=faults.expire_token)
        check_proof(world, caller.token, parameters().get("appsecret_proof"), required=faults.require_proof)
        faults.refuse_call(business_id(caller))
    return caller


def wanted_fields() -> tuple[Field, ...]:
    """Read the `fields` parameter."""
    return parse_fields(request.args.get("fields", ""))


def parameters() -> dict[str, Any]:
    """Read query, form and JSON body together; the body wins."""
    body = request.get_json(silent=True)
    return {**request.values.to_dict(), **(body if isinstance(body, dict) else {})}
