"""The body and the answer of recover."""

from connector.contract.base import Asked, Body, MetaId
from connector.conversation.recovery import Findings


class RecoverRequest(Asked):
    """Whose conversation is to be compared; all in which something was written, where no one is named."""

    user_id: MetaId | None = None


class Recovered(Body):
    """How many conversations were compared, and how many messages were missing and are on their way in."""

    checked: int
    recovered: int
    complete: bool

    @classmethod
    def of(cls, findings: Findings) -> "Recovered":
        """Return it for what was found."""
        return cls(checked=findings.checked, recovered=findings.recovered, complete=findings.is_complete)
