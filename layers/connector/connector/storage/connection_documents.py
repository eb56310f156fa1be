"""How a connection stands in `instagram_connections`."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connector.accounts import Account, AgentBasis, Check, Connection, ConnectionStatus, Grant, Outcome, Request
from connector.storage.mongodb import Document
from connector.tenancy import Tenant

# How long secrets are kept that no connection uses: a request that is under way may read them, or connect with them.
SECRETS_UNDER_WAY = timedelta(minutes=2)
UNUSED_SECRETS = "unusedSecrets"
"""The list of the ids whose secrets no connection uses (`storage/secret_sets.py`)."""


@dataclass(frozen=True, slots=True)
class Joint:
    """What a connect joins: a tenant's agent and an account, and what was found about them."""

    tenant: Tenant
    account: Account
    retell_agent_id: str
    token_version: int
    secrets_id: str = ""
    grant: Grant = field(default_factory=Grant)
    request: Request | None = None
    agent_basis: AgentBasis | None = None
    """Why the tenant may use the Retell agent."""
    signers: tuple[str, ...] | None = None
    took_over: bool = False


def joined(joint: Joint, at: datetime) -> list[Document]:
    """Return the update that joins a tenant's agent (by its id at Retell) to an account.

    The secrets of before are deleted a little later, since requests that are under way may read them; at once, if they
    were for another account.
    """
    tenant, account, grant, request = joint.tenant, joint.account, joint.grant, joint.request
    fields: Document = {
        "subaccountId": tenant.subaccount_id,
        "agentId": tenant.agent_id,
        "instagramAccountId": account.account_id,
        "pageId": account.page_id,
        "username": account.username,
        "name": account.name,
        "retellAgentId": joint.retell_agent_id,
        "agentBasis": joint.agent_basis,
        "status": ConnectionStatus.CONNECTED.value,
        "secretsId": joint.secrets_id,
        "tokenVersion": joint.token_version,
        "tokenStoredAt": at,
        "signers": None if joint.signers is None else list(joint.signers),
        "tookOver": joint.took_over,
        "needsOwnerSince": None,
        "grant": written_grant(grant),
        "echoAppId": None,
        "request": {"key": request.key, "fingerprint": request.fingerprint} if request else None,
        "connectedAt": at,
        "lastError": None,
        "lastEventAt": None,
        "policyEnforcement": None,
        "limitedUntil": None,
        "checks": [],
        "checkedAt": None,
        "updatedAt": at,
    }
    is_same = {"$eq": ["$instagramAccountId", {"$literal": account.account_id}]}
    changed = {
        "createdAt": {"$ifNull": ["$createdAt", at]},
        "generation": _RAISED,
        UNUSED_SECRETS: _unused_secrets({"$cond": [is_same, at + SECRETS_UNDER_WAY, at]}, keeps=joint.secrets_id),
    }
    literals = {name: {"$literal": value} for name, value in fields.items()}
    return [{"$set": literals | changed | _with_owner(account, grant)}]


def granted(account: Account, grant: Grant, at: datetime) -> list[Document]:
    """Return the update that records what an owner allows."""
    return [{"$set": {"grant": {"$literal": written_grant(grant)}, "updatedAt": at} | _with_owner(account, grant)}]


def _with_owner(account: Account, grant: Grant) -> Document:
    """Return the expression that adds to the owners whom we know of (`storage/owners.py`)."""
    owner = {"ownerId": grant.owner_id, "accountId": account.account_id}
    return {"owners": {"$setUnion": [{"$ifNull": ["$owners", []]}, [{"$literal": owner}]]}} if grant.owner_id else {}


def ended(at: datetime, because: str | None = None) -> Document:
    """Return the fields of a connection that ends. They are expressions of an update that is a pipeline."""
    return {
        "status": ConnectionStatus.DISCONNECTED.value,
        "lastError": {"$literal": {"code": because, "at": at}} if because else "$$REMOVE",
        "needsOwnerSince": "$$REMOVE",
        "generation": _RAISED,
        UNUSED_SECRETS: _unused_secrets(at),
        "updatedAt": at,
    }


def _unused_secrets(due_at: object, *, keeps: str | None = None) -> Document:
    """Return the expression for a document's unused secrets: those listed, and the current ones, to be deleted then.

    `keeps` is the id that is used from now on.
    """
    listed = {"$ifNull": [f"${UNUSED_SECRETS}", []]}
    others = {"$filter": {"input": listed, "as": "one", "cond": {"$ne": ["$$one.id", {"$literal": keeps}]}}}
    current_id = {"$ifNull": ["$secretsId", ""]}
    has_current = {
        "$and": [{"$ne": [{"$type": "$tokenVersion"}, "missing"]}, {"$ne": [current_id, {"$literal": keeps}]}]
    }
    current = {"$cond": [has_current, [{"id": current_id, "dueAt": due_at}], []]}
    return {"$concatArrays": [others, current]}


_RAISED: Document = {"$add": [{"$ifNull": ["$generation", 0]}, 1]}


def read(document: Document) -> Connection:
    """Return a connection as it is stored."""
    return Connection(
        tenant=Tenant(document["subaccountId"], document["agentId"]),
        account=Account(document["instagramAccountId"], document["pageId"], document["username"], document.get("name")),
        retell_agent_id=document["retellAgentId"],
        status=ConnectionStatus(document["status"]),
        generation=document["generation"],
        token_version=document["tokenVersion"],
        connected_at=document["connectedAt"],
        last_event_at=document.get("lastEventAt"),
        last_error=document.get("lastError"),
        limited_until=document.get("limitedUntil"),
        paused_until=document.get("pausedUntil"),
        grant=_read_grant(document.get("grant") or {}),
        checks=tuple(
            Check(
                one["name"],
                Outcome(one["outcome"]),
                one["code"],
                one["message"],
                one.get("at"),
                tuple(one.get("missing") or ()),
            )
            for one in document.get("checks") or ()
        ),
        checked_at=document.get("checkedAt"),
        webhook_verified_at=document.get("webhookVerifiedAt"),
        policy_enforcement=document.get("policyEnforcement"),
        forgotten_at=document.get("forgottenAt"),
        request=Request(**document["request"]) if document.get("request") else None,
        secrets_id=document.get("secretsId") or "",
        token_stored_at=document.get("tokenStoredAt"),
        agent_basis=AgentBasis(document["agentBasis"]) if document.get("agentBasis") else None,
        echo_app_id=document.get("echoAppId"),
        signers=None if document.get("signers") is None else tuple(document["signers"]),
        took_over=document.get("tookOver") or False,
        needs_owner_since=document.get("needsOwnerSince"),
    )


def written_grant(grant: Grant) -> Document:
    """Return what an owner allows, as it is stored."""
    return {
        "appId": grant.app_id,
        "ownerId": grant.owner_id,
        "permissions": None if grant.permissions is None else list(grant.permissions),
        "issuedAt": grant.issued_at,
        "expiresAt": grant.expires_at,
    }


def _read_grant(stored: Document) -> Grant:
    permissions = stored.get("permissions")
    return Grant(
        stored.get("appId"),
        stored.get("ownerId"),
        None if permissions is None else tuple(permissions),
        stored.get("issuedAt"),
        stored.get("expiresAt"),
    )


def checked(found: Iterable[Check], moment: datetime) -> list[Document]:
    """Return the update that records what was checked and found. What other checks have found before stays."""
    checks = [
        {"name": one.name, "outcome": one.outcome, "code": one.code, "message": one.message, "at": moment}
        | ({"missing": list(one.missing)} if one.missing else {})
        for one in found
    ]
    is_new = {"$in": ["$$one.name", [one["name"] for one in checks]]}
    others = {"$filter": {"input": {"$ifNull": ["$checks", []]}, "as": "one", "cond": {"$not": [is_new]}}}
    return [{"$set": {"checks": {"$concatArrays": [others, {"$literal": checks}]}, "checkedAt": moment}}]


def spent(kind: str, second: datetime, per_second: int) -> tuple[Document, list[Document]]:
    """Return what finds a connection that may make one more call of a kind in this second, and what counts it."""
    budget = f"budget.{kind}"
    is_left = {"$or": [{f"{budget}.second": {"$ne": second}}, {f"{budget}.used": {"$lt": per_second}}]}
    one_more = {"$cond": [{"$eq": [f"${budget}.second", second]}, {"$add": [f"${budget}.used", 1]}, 1]}
    return is_left, [{"$set": {budget: {"second": second, "used": one_more}}}]
