"""`appsecret_proof`: that who calls knows the app's secret (Meta's page "Secure Graph API Calls")."""

import hashlib
import hmac

from local.simulators.meta import token_errors
from local.simulators.meta.tokens import Token
from local.simulators.meta.world import World


def appsecret_proof(app_secret: str, token: str) -> str:
    """Make the proof: the HMAC-SHA256 of the token under the app's secret, in hexadecimal."""
    return hmac.new(app_secret.encode(), token.encode(), hashlib.sha256).hexdigest()


def check_proof(world: World, token: Token, proof: object, *, required: bool) -> None:
    """Raise where `proof` is wrong, or missing where it is `required`.

    A token of another app has another secret, which nobody here knows. Whether graph.instagram.com asks for a proof is
    not documented; here it checks one and asks for none.
    """
    if proof is None:
        if required and token.login == "facebook":
            raise token_errors.missing_proof()
        return
    secret = {world.app_id: world.app_secret, world.instagram_app_id: world.instagram_app_secret}.get(token.app_id)
    if secret is None or not hmac.compare_digest(str(proof).encode(), appsecret_proof(secret, token.token).encode()):
        raise token_errors.wrong_proof()
