"""The secrets of the deployment and of each connection, by name.

| under the stack's prefix                        | holds                                                 |
|-------------------------------------------------|-------------------------------------------------------|
| `app-secrets`                                   | JSON: `appSecrets`, newest first; `verifyToken`;      |
|                                                 | perhaps `facebookApp`, `instagramApp`: `{id, secret}`, |
| `jwt`                                           | JSON: `keys` (HS256, 32 bytes or more each) or `jwksUrl`; … |
| `mongodb-uri`                                   | the URI, whose default database holds `chats`         |
| `retell-api-key`                                | the key; `subaccounts/{id}/retell-api-key` overrides it |
| `connections/{subaccount}/{agent}/access-token/{id}` | JSON: the account's `token`, perhaps its `proof`   |
| `connections/{subaccount}/{agent}/webhook/{id}`      | JSON: see `storage/connection_secrets.py`          |

Each connect stores its secrets under an `id` of its own (`storage/secret_sets.py`): AWS asks for 30 seconds before a
deleted name is used again, and no name is ever used again here. The connection knows its id; the webhook, which knows
no connection, reads all ids of the path. What older versions stored stands without `/{id}` until the next connect.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from connector.accounts import AccessToken, App, Connection, Login
from connector.errors import Misconfigured, NotSetUp, ReconnectNeeded, TryLater
from connector.storage.connection_secrets import PREVIOUS_LIVES, ConnectionSecrets
from connector.storage.parameters import Absence, Parameter, Parameters
from connector.tenancy import Tenant
from connector.token_keys import JwtKeys

_MOST_SECRETS = 4  # of one app, and so of calls that Meta refuses one after the other
# SSM is eventually consistent. Within this time of a write, a missing parameter is not yet visible; later it is gone.
VISIBLE_WITHIN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """What the webhook needs to know of an app, or of one connection; the newest first."""

    verify_tokens: tuple[str, ...] = field(repr=False)
    app_secrets: tuple[str, ...] = field(repr=False)


class Secrets:
    """Reads and writes secrets by what they are for."""

    def __init__(self, parameters: Parameters, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._parameters = parameters
        self._clock = clock

    def app(self, *, recent: bool = False) -> WebhookSecrets:
        """Return the deployment's Meta app secrets and the verification token of the app-wide route.

        Raises:
            Misconfigured: the parameter is missing or malformed.
        """
        value = self._required_json("app-secrets", recent=recent)
        apps = [app.secret for login in Login if (app := _app(value, login))]
        secrets = dict.fromkeys([*map(str, value.get("appSecrets") or ()), *apps])
        return WebhookSecrets(tuple(filter(None, [str(value.get("verifyToken") or "")])), tuple(secrets))

    def app_newest_last(self) -> Iterator[WebhookSecrets]:
        """Yield the deployment's secrets as cached and then, if they differ, as SSM has them now.

        So a new secret or verification token is accepted at once. However many requests are forged, SSM is read once in
        `RECENT_SECONDS` at most.

        Raises:
            Misconfigured: the parameter is missing or malformed.
        """
        cached = self.app()
        yield cached
        if (current := self.app(recent=True)) != cached:
            yield current

    def app_for(self, login: Login) -> App | None:
        """Return our app for a login, or None where the deployment names none.

        Raises:
            Misconfigured: the parameter is missing or malformed.
        """
        return _app(self._required_json("app-secrets"), login)

    def of_app(self, app_id: str, recent: bool = False) -> tuple[str, ...]:
        """Return the secrets that the deployment's app of this id may have, the likeliest first; none for another app.

        While a secret is rotated, the app's current one may stand in `appSecrets` only.

        Raises:
            Misconfigured: the parameter is missing or malformed.
        """
        value = self._required_json("app-secrets", recent=recent)
        named = [app.secret for login in Login if (app := _app(value, login)) and app.app_id == app_id]
        known = dict.fromkeys([*named, *map(str, value.get("appSecrets") or ())]) if named else ()
        return tuple(filter(None, known))[:_MOST_SECRETS]

    def jwt(self) -> JwtKeys:
        """Return the keys that sign callers' tokens.

        Raises:
            Misconfigured: the parameter is missing or malformed.
        """
        return JwtKeys.of(self._required_json("jwt"))

    def mongodb_uri(self, *, recent: bool = False) -> str:
        """Return the MongoDB URI; if `recent`, as it was some seconds ago at most.

        Raises:
            Misconfigured: the parameter is missing.
        """
        return self._required("mongodb-uri", recent=recent)

    def retell_api_key(self, subaccount_id: str) -> str:
        """Return the Retell key of a subaccount: its own where it has one, else the deployment's.

        Raises:
            Misconfigured: there is neither.
        """
        return self._own_retell_key(subaccount_id) or self._required("retell-api-key")

    def retell_api_keys(self, subaccount_id: str) -> tuple[str, ...]:
        """Return the keys under which a subaccount's chats may have been created: its own, then the deployment's.

        Raises:
            Misconfigured: there is neither.
        """
        own = self._own_retell_key(subaccount_id)
        shared = self._parameters.get("retell-api-key") if own else self._required("retell-api-key")
        return tuple(dict.fromkeys(key for key in (own, shared) if key))

    def has_own_retell_key(self, subaccount_id: str) -> bool:
        """Return whether a subaccount has a Retell key that is not the deployment's."""
        own = self._own_retell_key(subaccount_id)
        # allow variable-time-comparison: both are the deployment's own, and nothing of a caller's
        return bool(own) and own != self._parameters.get("retell-api-key", absence=Absence.NORMAL)

    def _own_retell_key(self, subaccount_id: str) -> str | None:
        return self._parameters.get(f"subaccounts/{subaccount_id}/retell-api-key", absence=Absence.NORMAL)

    def access_token(self, connection: Connection) -> AccessToken:
        """Return the token of a connection.

        A version never changes, but a parameter of an older version of this software, which was deleted and made
        again, starts at version 1: the connection's generation keeps the two apart.

        Raises:
            TryLater: it was stored a moment ago, and SSM does not show it yet.
            ReconnectNeeded: it is gone.
        """
        name = f"{_token_name(connection.tenant, connection.secrets_id)}:{connection.token_version}"
        found = self._of(connection, name)
        if found is None:
            raise ReconnectNeeded("The access token is gone. Connect the account again.")
        value = found.value
        app_id = connection.grant.app_id if connection.account.login is Login.FACEBOOK else None
        if not value.startswith("{"):  # what older versions stored is the bare token
            return AccessToken(value, app_id=app_id)
        fields = json.loads(value)
        return AccessToken(fields["token"], fields.get("proof"), app_id)

    def of_connection(self, connection: Connection) -> ConnectionSecrets | None:
        """Return the webhook's secrets of a connection, exactly those that its connect stored; None if they are gone.

        Raises:
            TryLater: they were stored a moment ago, and SSM does not show them yet.
        """
        found = self._of(connection, _webhook_name(connection.tenant, connection.secrets_id))
        return ConnectionSecrets.read(found.value, found.modified_at) if found else None

    def _of(self, connection: Connection, name: str) -> Parameter | None:
        """Return a parameter of a connection. Its content never changes, so it may be cached."""
        found = self._parameters.find(name, key=f"{name}@{connection.generation}", absence=Absence.DOUBTFUL)
        age = self._clock() - (connection.token_stored_at or connection.connected_at)
        if found is None and connection.holds_account and age < VISIBLE_WITHIN:
            raise TryLater("The secrets were stored a moment ago and cannot be read yet. Try again.")
        return found

    def webhook(self, tenant: Tenant, *, recent: bool = False) -> WebhookSecrets | None:
        """Return the secrets that the webhook accepts for a connection, or None. Safe for a path a stranger made up.

        While the tenant connects again there are two sets of secrets, and both are accepted. Should the older one stay,
        because its deletion fails, it is accepted for an hour at most. `recent` accepts what is cached for two seconds
        only.
        """
        moment = self._clock()
        found = self._parameters.below(_webhook_name(tenant), recent=recent)
        if not found:
            return None
        good = found if moment < found[0].modified_at + PREVIOUS_LIVES else found[:1]
        sets = [ConnectionSecrets.read(one.value, one.modified_at) for one in good]
        own = (secret for one in sets for secret in one.app_secrets(moment))
        return WebhookSecrets(tuple(one.verify_token for one in sets if one.verify_token), tuple(dict.fromkeys(own)))

    def webhook_signer(self, tenant: Tenant, signer: Callable[[Iterable[str]], str | None]) -> str | None:
        """Return which of a connection's app secrets `signer` finds: among those cached, else among the current ones.

        Meta calls seconds after a connect. What was cached until then, a miss for one, does not decide.
        """
        cached = self.webhook(tenant)
        if cached is not None and (found := signer(cached.app_secrets)):
            return found
        current = self.webhook(tenant, recent=True)
        return signer(current.app_secrets) if current is not None and current != cached else None

    def put_access_token(self, tenant: Tenant, secrets_id: str, token: AccessToken, *, key_id: str) -> int:
        """Store a connection's token under the KMS key `key_id`, and return its version.

        The version before can still be read, by who knows of no newer one.
        """
        value = {"token": token.value} | ({"proof": token.proof} if token.proof else {})
        return self._parameters.put(_token_name(tenant, secrets_id), json.dumps(value), key_id=key_id)

    def put_webhook(self, tenant: Tenant, secrets_id: str, own: ConnectionSecrets, *, key_id: str) -> None:
        """Store what the webhook needs to know of a connection."""
        self._parameters.put(_webhook_name(tenant, secrets_id), own.write(), key_id=key_id)

    def delete_access_token(self, tenant: Tenant, secrets_id: str) -> None:
        """Delete one token, and nothing else; one already gone is no error."""
        self._parameters.delete(_token_name(tenant, secrets_id))

    def delete(self, tenant: Tenant, *secrets_ids: str) -> None:
        """Delete what one or several connects stored; secrets already gone are no error."""
        self._parameters.delete(
            *(name(tenant, secrets_id) for secrets_id in secrets_ids for name in (_token_name, _webhook_name))
        )

    def _required(self, name: str, *, recent: bool = False) -> str:
        value = self._parameters.get(name, recent=recent)
        if not value:
            raise NotSetUp(f"The SSM parameter {name} is missing. docs/deploy.md says how to create it.")
        return value

    def _required_json(self, name: str, *, recent: bool = False) -> dict[str, Any]:
        try:
            value = json.loads(self._required(name, recent=recent))
        except ValueError as error:
            raise Misconfigured(f"The SSM parameter {name} is not JSON. docs/deploy.md says what it holds.") from error
        if not isinstance(value, dict):
            raise Misconfigured(f"The SSM parameter {name} is not a JSON object. docs/deploy.md says what it holds.")
        return value


def _app(value: dict[str, Any], login: Login) -> App | None:
    named = value.get(f"{login}App")
    if not isinstance(named, dict) or not named.get("id") or not named.get("secret"):
        return None
    config_id = named.get("configId") if login is Login.FACEBOOK else None
    return App(str(named["id"]), str(named["secret"]), str(config_id) if config_id else None)


def _token_name(tenant: Tenant, secrets_id: str) -> str:
    return _name(tenant, "access-token", secrets_id)


def _webhook_name(tenant: Tenant, secrets_id: str = "") -> str:
    return _name(tenant, "webhook", secrets_id)


def _name(tenant: Tenant, kind: str, secrets_id: str) -> str:
    return f"connections/{tenant}/{kind}" + (f"/{secrets_id}" if secrets_id else "")
