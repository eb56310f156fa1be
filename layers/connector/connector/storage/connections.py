"""Connections: which chat agent is joined to which Instagram account. Collection `instagram_connections`.

`generation` rises at every connect and disconnect. A turn remembers the generation it began under, so that nothing is
said for a connection that has ended or moved meanwhile.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.collection import Collection
from pymongo.errors import DuplicateKeyError

from connector.accounts import TAKEN_OVER, Account, AgentBasis, Check, Connection, ConnectionStatus, Grant, Request
from connector.errors import AccountInUse
from connector.storage.comparisons import FIELD as COMPARED
from connector.storage.connection_documents import (
    UNUSED_SECRETS,
    Joint,
    checked,
    ended,
    granted,
    joined,
    read,
    spent,
    written_grant,
)
from connector.storage.documents import now
from connector.storage.mongodb import Document, translated
from connector.tenancy import Tenant

COLLECTION = "instagram_connections"

CONNECTED = ConnectionStatus.CONNECTED.value
DISCONNECTED = ConnectionStatus.DISCONNECTED.value
NEEDS_RECONNECTION = ConnectionStatus.NEEDS_RECONNECTION.value

INDEXES = (
    IndexModel(
        [("instagramAccountId", ASCENDING)],
        name="one_agent_per_account",
        unique=True,
        # A connection whose token has died still holds its account: messages go on being stored for it.
        partialFilterExpression={"status": {"$in": [CONNECTED, NEEDS_RECONNECTION]}},
    ),
)


class Connections:
    """All connections. Each method names its tenant, but for the one lookup that Meta's events need."""

    def __init__(self, collection: Collection[Document], clock: Callable[[], datetime] = now) -> None:
        self._collection = collection
        self._clock = clock

    def get(self, tenant: Tenant) -> Connection | None:
        """Return the tenant's connection, whatever its status; None when it never had one, or it was forgotten."""
        with translated():
            document = self._collection.find_one({"_id": str(tenant), "instagramAccountId": {"$exists": True}})
        return read(document) if document else None

    def of_account(self, account_id: str) -> Connection | None:
        """Return the connection that holds an Instagram account now."""
        with translated():
            document = self._collection.find_one(
                {"instagramAccountId": account_id, "status": {"$in": [CONNECTED, NEEDS_RECONNECTION]}}
            )
        return read(document) if document else None

    def connect(  # noqa: PLR0913 - one argument for each part of a connection
        self,
        tenant: Tenant,
        account: Account,
        *,
        retell_agent_id: str,
        agent_basis: AgentBasis | None = None,
        token_version: int,
        secrets_id: str = "",
        grant: Grant | None = None,
        request: Request | None = None,
    ) -> Connection:
        """Join the tenant to the account, whatever it was joined to. See `join`."""
        joint = Joint(
            tenant,
            account,
            retell_agent_id,
            token_version,
            secrets_id,
            grant=grant or Grant(),
            request=request,
            agent_basis=agent_basis,
        )
        joined_now = self._join(joint, {}, upsert=True)
        if joined_now is None:
            raise AssertionError("an upsert returned no document")
        return joined_now

    def join(self, joint: Joint, generation: int) -> Connection | None:
        """Join a tenant to an account, and raise its generation. The secrets of before are unused from then on.

        Returns None, and changes nothing, unless the tenant's generation is this one: then another connect, or a
        disconnect, came first.

        Raises:
            AccountInUse: another agent holds the account. The tenant's connection is as it was.
        """
        return self._join(joint, {"generation": generation or {"$exists": False}}, upsert=False)

    def _join(self, joint: Joint, known: Document, *, upsert: bool) -> Connection | None:
        try:
            with translated():
                document = self._collection.find_one_and_update(
                    {"_id": str(joint.tenant)} | known,
                    joined(joint, self._clock()),
                    upsert=upsert,
                    return_document=ReturnDocument.AFTER,
                )
        except DuplicateKeyError as error:
            raise AccountInUse from error
        return read(document) if document else None

    def disconnect(self, tenant: Tenant) -> None:
        """End the tenant's connection: its generation rises, so that no turn says anything more.

        Its secrets are unused from then on. A connect that is under way cannot join with what it has stored so far.
        """
        ends = [{"status": {"$in": [CONNECTED, NEEDS_RECONNECTION]}}, {f"{UNUSED_SECRETS}.0": {"$exists": True}}]
        with translated():
            self._collection.update_one({"_id": str(tenant), "$or": ends}, self._ended())

    def take_over(self, holder: Connection) -> bool:
        """End the connection of a holder whose token has died, for a newcomer; False if it changed since it was read.

        Its status tells why it ended, and not who came.
        """
        same = self._still(holder) | {"tokenVersion": holder.token_version}
        with translated():
            return self._collection.update_one(same, self._ended(TAKEN_OVER)).matched_count == 1

    def _ended(self, because: str | None = None) -> list[Document]:
        # Messages that are written while nobody is connected are not stored later: COMPARED goes.
        return [{"$set": ended(self._clock(), because)}, {"$unset": COMPARED}]

    def record_error(
        self,
        connection: Connection,
        code: str,
        *,
        needs_reconnection: bool = False,
        call: str | None = None,
        message_key: str | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        """Record what last went wrong, at which call and for which message, unless the connection was renewed since.

        `meta` is Meta's own message and numbers.
        """
        moment = self._clock()
        error = {"code": code, "at": moment, "call": call, "messageKey": message_key, "meta": meta}
        fields: Document = {"lastError": {"$literal": error}, "updatedAt": moment}
        same = self._still(connection)
        if needs_reconnection:
            same["tokenVersion"] = connection.token_version  # a token renewed since says nothing of the new one
            is_new = {"$ne": ["$status", NEEDS_RECONNECTION]}
            fields["needsOwnerSince"] = {"$cond": [is_new, moment, {"$ifNull": ["$needsOwnerSince", None]}]}
            fields["status"] = NEEDS_RECONNECTION
        with translated():
            self._collection.update_one(same, [{"$set": fields}])

    def clear_error(self, connection: Connection) -> None:
        """Clear the last error that a connection was read with, unless something else went wrong since.

        A connection that needs its owner keeps it: only `restore` knows that it works again.
        """
        error = connection.last_error or {}
        known = {"status": CONNECTED, "lastError.code": error.get("code"), "lastError.at": error.get("at")}
        with translated():
            self._collection.update_one(
                self._still(connection) | known, {"$set": {"lastError": None, "updatedAt": self._clock()}}
            )

    def renew(self, connection: Connection, grant: Grant, *, token_version: int) -> Connection | None:
        """Record under which version the token stands now, and what its owner allows. What is under way goes on.

        Returns None, and changes nothing, where the connection has ended, or been renewed by somebody else, since.
        """
        moment = self._clock()
        fields = {"grant": written_grant(grant), "updatedAt": moment}
        if token_version != connection.token_version:
            fields |= {"tokenVersion": token_version, "tokenStoredAt": moment}
        with translated():
            document = self._collection.find_one_and_update(
                self._still(connection) | {"tokenVersion": connection.token_version},
                {"$set": fields},
                return_document=ReturnDocument.AFTER,
            )
        return read(document) if document else None

    def record_grant(self, connection: Connection, grant: Grant) -> None:
        """Record what the owner of the token allows, as Meta tells it now, unless it has been renewed since."""
        with translated():
            self._collection.update_one(
                self._still(connection) | {"tokenVersion": connection.token_version},
                granted(connection.account, grant, self._clock()),
            )

    def restore(self, connection: Connection) -> bool:
        """Connect again what needed its owner and works now; False where something else went wrong with it since."""
        known = {"status": NEEDS_RECONNECTION, "lastError.at": (connection.last_error or {}).get("at")}
        with translated():
            restored = self._collection.update_one(
                self._still(connection) | known,
                {"$set": {"status": CONNECTED, "lastError": None, "needsOwnerSince": None, "updatedAt": self._clock()}},
            )
        return restored.matched_count == 1

    def record_checks(self, connection: Connection, found: Iterable[Check]) -> None:
        """Record what was checked and found, unless the connection has been renewed since.

        What other checks have found before stays.
        """
        with translated():
            self._collection.update_one(
                {"_id": str(connection.tenant), "generation": connection.generation}, checked(found, self._clock())
            )

    def record_limit(self, connection: Connection, until: datetime) -> None:
        """Record until when Meta takes no more calls for this account."""
        with translated():
            self._collection.update_one(
                {"_id": str(connection.tenant), "generation": connection.generation}, {"$max": {"limitedUntil": until}}
            )

    def spend(self, connection: Connection, kind: str, per_second: int) -> bool:
        """Count a call of a kind; False when there were `per_second` of them in this second."""
        is_left, update = spent(kind, self._clock().replace(microsecond=0), per_second)
        with translated():
            counted = self._collection.update_one({"_id": str(connection.tenant)} | is_left, update)
        return counted.matched_count == 1

    def pause(self, tenant: Tenant, until: datetime | None) -> None:
        """Keep the tenant's agent silent in all conversations until then; None to let it speak."""
        with translated():
            self._collection.update_one(
                {"_id": str(tenant)}, {"$set": {"pausedUntil": until, "updatedAt": self._clock()}}
            )

    def record_event(self, connection: Connection, at: datetime) -> None:
        """Record when Meta last told us something for this connection."""
        with translated():
            self._collection.update_one({"_id": str(connection.tenant)}, {"$max": {"lastEventAt": at}})

    def record_enforcement(self, connection: Connection, action: str, reason: str | None, at: datetime) -> None:
        """Record what Meta did about a violation of its policies, unless it has done something else since."""
        earlier = [{"policyEnforcement": None}, {"policyEnforcement.at": {"$lt": at}}]
        fields = {"policyEnforcement": {"action": action, "reason": reason, "at": at}, "updatedAt": self._clock()}
        with translated():
            self._collection.update_one(self._still(connection) | {"$or": earlier}, {"$set": fields})

    def learn_app(self, connection: Connection, app_id: str) -> None:
        """Record how Meta names our app in echoes, for as long as the connection lasts."""
        with translated():
            self._collection.update_one(
                self._still(connection), {"$set": {"echoAppId": app_id, "updatedAt": self._clock()}}
            )

    def record_handshake(self, tenant: Tenant, at: datetime) -> None:
        """Record when somebody set the tenant's callback URL at Meta. It outlives the connection, as it does there."""
        with translated():
            self._collection.update_one({"_id": str(tenant)}, {"$max": {"webhookVerifiedAt": at}})

    @staticmethod
    def _still(connection: Connection) -> Document:
        """Return what finds a connection that has not been made anew, or ended, since it was read."""
        return {
            "_id": str(connection.tenant),
            "generation": connection.generation,
            "status": {"$ne": DISCONNECTED},
        }
