"""The secrets of the deployment and of each connection, by name.

| under the stack's prefix                        | holds                                                 |
|-------------------------------------------------|-------------------------------------------------------|
| `app-secrets`                                   | JSON: `appSecrets`, newest first; `verifyToken`;      |
|                                                 | perhaps `facebookApp`, `instagramApp`: `{id, secret}` |
| `jwt`                                           | JSON: `keys` (HS256, 32 bytes or more each) or `jwksUrl`; … |
| `mongodb-uri`                                   | the URI, whose default database holds `chats`         |
| `retell-api-key`                                | the key; `subaccounts/{id}/retell-api-key` overrides it |
| `connections/{subaccount}/{agent}/access-token` | JSON: the account's `token`, perhaps its `proof`        |
| `connections/{subaccount}/{agent}/webhook`      | JSON: `verifyToken`, perhaps `appSecrets` |
"""

import json
from dataclasses import dataclass, field
from typing import Any

from connector.accounts import AccessToken, App, Login
from connector.errors import Misconfigured
from connector.storage.parameters import Parameters
from connector.tenancy import Tenant


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """What the webhook needs to know of an app, or of one connection."""

    verify_token: str = field(repr=False)
    app_secrets: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class JwtKeys:
    """How callers' tokens are verified."""

    keys: tuple[str, ...] = field(repr=False)
    jwks_url: str | None = None
    issuer: str | None = None
    audience: str | None = None


class Secrets:
    """Reads and writes secrets by what they are for."""

    def __init__(self, parameters: Parameters) -> None:
        self._parameters = parameters

    def app(self) -> WebhookSecrets:
        """Return the deployment's Meta app secrets and the verification token of the app-wide route.

        Raises:
            Misconfigured: the parameter is missing or malformed.
        """
        value = self._required_json("app-secrets")
        apps = [app.secret for login in Login if (app := _app(value, login))]
        secrets = dict.fromkeys([*map(str, value.get("appSecrets") or ()), *apps])
        return WebhookSecrets(str(value.get("verifyToken") or ""), tuple(secrets))

    def app_for(self, login: Login) -> App | None:
        """Return our app for a login, or None where the deployment names none.

        Raises:
            Misconfigured: the parameter is missing or malformed.
        """
        return _app(self._required_json("app-secrets"), login)

    def jwt(self) -> JwtKeys:
        """Return the keys that sign callers' tokens.

        Raises:
            Misconfigured: the parameter is missing or malformed.
        """
        value = self._required_json("jwt")
        return JwtKeys(
            tuple(map(str, value.get("keys") or ())),
            value.get("jwksUrl"),
            value.get("issuer"),
            value.get("audience"),
        )

    def mongodb_uri(self) -> str:
        """Return the MongoDB URI.

        Raises:
            Misconfigured: the parameter is missing.
        """
        return self._required("mongodb-uri")

    def retell_api_key(self, subaccount_id: str) -> str:
        """Return the Retell key of a subaccount: its own where it has one, else the deployment's.

        Raises:
            Misconfigured: there is neither.
        """
        own = self._parameters.get(f"subaccounts/{subaccount_id}/retell-api-key")
        return own or self._required("retell-api-key")

    def access_token(self, tenant: Tenant, *, version: int, generation: int) -> AccessToken | None:
        """Return the token of a connection, or None when it is gone.

        A version never changes, but a parameter that was deleted and made again starts at version 1: the connection's
        generation keeps the two apart.
        """
        name = f"connections/{tenant}/access-token:{version}"
        value = self._parameters.get(name, key=f"{name}@{generation}")
        if value is None or not value.startswith("{"):  # what older versions stored is the bare token
            return AccessToken(value) if value else None
        fields = json.loads(value)
        return AccessToken(fields["token"], fields.get("proof"))

    def webhook(self, tenant: Tenant) -> WebhookSecrets | None:
        """Return what the webhook knows of a connection, or None. Safe to call for a path that a stranger made up."""
        value = self._parameters.get(f"connections/{tenant}/webhook", bounded=True)
        if value is None:
            return None
        fields = json.loads(value)
        own = fields.get("appSecrets") or [fields.get("appSecret")]
        return WebhookSecrets(fields["verifyToken"], tuple(secret for secret in own if secret))

    def put_access_token(self, tenant: Tenant, token: AccessToken, *, key_id: str) -> int:
        """Store a connection's token under the KMS key `key_id`, and return its version.

        The version before can still be read, by who knows of no newer one.
        """
        value = {"token": token.value} | ({"proof": token.proof} if token.proof else {})
        return self._parameters.put(f"connections/{tenant}/access-token", json.dumps(value), key_id=key_id)

    def put_webhook(self, tenant: Tenant, secrets: WebhookSecrets, *, key_id: str) -> None:
        """Store what the webhook needs to know of a connection."""
        value = {"verifyToken": secrets.verify_token, "appSecrets": list(secrets.app_secrets)}
        self._parameters.put(f"connections/{tenant}/webhook", json.dumps(value), key_id=key_id)

    def delete_access_token(self, tenant: Tenant) -> None:
        """Delete a connection's token, and nothing else; one already gone is no error."""
        self._parameters.delete(f"connections/{tenant}/access-token")

    def delete_connection(self, tenant: Tenant) -> None:
        """Delete a connection's secrets; those already gone are no error."""
        self._parameters.delete(f"connections/{tenant}/access-token", f"connections/{tenant}/webhook")

    def _required(self, name: str) -> str:
        value = self._parameters.get(name)
        if not value:
            raise Misconfigured(f"The SSM parameter {name} is missing. README.md says how to create it.")
        return value

    def _required_json(self, name: str) -> dict[str, Any]:
        try:
            value = json.loads(self._required(name))
        except ValueError as error:
            raise Misconfigured(f"The SSM parameter {name} is not JSON. README.md says what it holds.") from error
        if not isinstance(value, dict):
            raise Misconfigured(f"The SSM parameter {name} is not a JSON object. README.md says what it holds.")
        return value


def _app(value: dict[str, Any], login: Login) -> App | None:
    named = value.get(f"{login}App")
    if not isinstance(named, dict) or not named.get("id") or not named.get("secret"):
        return None
    return App(str(named["id"]), str(named["secret"]))
