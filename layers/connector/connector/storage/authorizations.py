"""Logins at Meta that are under way. Collection `instagram_authorizations`.

What travels through Meta and the browser is `state`, a random text that is good once and for ten minutes. Only its hash
is stored, so who reads the database cannot finish somebody's login. Between Meta's redirect and the confirmation the
accounts with their tokens are stored encrypted, under a key that is in the owner's browser only (`sealing.py`).
"""

import re
import secrets
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256

from pymongo import ASCENDING, IndexModel
from pymongo.collection import Collection

from connector.accounts import Login
from connector.logins import LIVES, PendingLogin, StoredLogin
from connector.storage.documents import now
from connector.storage.mongodb import Document, translated
from connector.tenancy import Tenant

COLLECTION = "instagram_authorizations"

_STATE_BYTES = 32
_STATE = re.compile(r"[A-Za-z0-9_-]{43}")  # as many bytes in base64

# MongoDB tidies up once a minute or so: what has expired may still be there.
INDEXES = (IndexModel([("expiresAt", ASCENDING)], name="expired", expireAfterSeconds=0),)


class Authorizations:
    """All tenants' logins under way: the callback is told no tenant, its state names one."""

    def __init__(self, collection: Collection[Document], clock: Callable[[], datetime] = now) -> None:
        self._collection = collection
        self._clock = clock

    def put(self, pending: PendingLogin) -> tuple[str, datetime]:
        """Keep a login; return its state, and until when that is good."""
        state, moment = secrets.token_urlsafe(_STATE_BYTES), self._clock()
        expires_at = moment + LIVES
        document = {
            "_id": _hash(state),
            "subaccountId": pending.tenant.subaccount_id,
            "agentId": pending.tenant.agent_id,
            "login": pending.login.value,
            "redirectUri": pending.redirect_uri,
            "retellAgentId": pending.retell_agent_id,
            "agentListed": pending.agent_listed,
            "askedBy": pending.asked_by,
            "returnUrl": pending.return_url,
            "instagramAccountId": pending.account_id,
            "createdAt": moment,
            "expiresAt": expires_at,
        }
        with translated():
            self._collection.insert_one(document)
        return state, expires_at

    def find(self, state: str) -> StoredLogin | None:
        """Return the login of a state; None if there is none or it has expired."""
        if not _STATE.fullmatch(state):
            return None
        with translated():
            found = self._collection.find_one(self._live(state))
        return StoredLogin(_read(found), found.get("claimedAt"), found.get("sealed")) if found else None

    def claim(self, state: str) -> bool:
        """Claim the exchange of Meta's code, which can be used once. Of several requests, one gets True."""
        unclaimed = self._live(state) | {"claimedAt": None}
        with translated():
            return self._collection.update_one(unclaimed, {"$set": {"claimedAt": self._clock()}}).modified_count == 1

    def keep(self, state: str, sealed: bytes) -> None:
        """Store what was found, for ten minutes, in which the owner confirms it."""
        kept = {"sealed": sealed, "expiresAt": self._clock() + LIVES}
        with translated():
            self._collection.update_one(self._live(state), {"$set": kept})

    def take(self, state: str, sealed: bytes) -> bool:
        """Delete a login with what was found. Of several requests, one gets True; it may connect or cancel."""
        with translated():
            return self._collection.delete_one(self._live(state) | {"sealed": sealed}).deleted_count == 1

    def end(self, state: str) -> None:
        """Delete a login that failed."""
        with translated():
            self._collection.delete_one({"_id": _hash(state)})

    def _live(self, state: str) -> Document:
        return {"_id": _hash(state), "expiresAt": {"$gt": self._clock()}}


def _hash(state: str) -> str:
    return sha256(state.encode()).hexdigest()


def _read(document: Document) -> PendingLogin:
    return PendingLogin(
        tenant=Tenant(document["subaccountId"], document["agentId"]),
        login=Login(document["login"]),
        redirect_uri=document["redirectUri"],
        retell_agent_id=document["retellAgentId"],
        agent_listed=document.get("agentListed"),
        asked_by=document.get("askedBy", ""),
        return_url=document["returnUrl"],
        account_id=document["instagramAccountId"],
    )
