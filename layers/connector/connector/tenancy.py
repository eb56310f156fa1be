"""Whose data this is: every read and write names a tenant first."""

import re
from dataclasses import dataclass

from connector.errors import Detail, InvalidRequest

# Ids become parts of SSM names and of MongoDB filters, so nothing else ever passes.
ID_PATTERN = r"[A-Za-z0-9_-]{1,64}"
_ID = re.compile(ID_PATTERN)


@dataclass(frozen=True, slots=True)
class Tenant:
    """One chat agent of one subaccount: the unit that owns a connection, its secrets and its chats."""

    subaccount_id: str
    agent_id: str

    def __post_init__(self) -> None:
        """Refuse an id that is not 1 to 64 letters, digits, `_` or `-`.

        Raises:
            InvalidRequest: naming the id.
        """
        wrong = [
            Detail(name, "must be 1 to 64 letters, digits, underscores or hyphens")
            for name, value in (("subaccountId", self.subaccount_id), ("agentId", self.agent_id))
            if not _ID.fullmatch(value)
        ]
        if wrong:
            raise InvalidRequest("The path holds an id that cannot be one.", details=wrong)

    def __str__(self) -> str:
        return f"{self.subaccount_id}/{self.agent_id}"
