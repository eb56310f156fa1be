"""The bodies and answers of pause and resume."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from connector.contract.base import Asked, Body, MetaId, Time


def _whole(value: object) -> object:
    """Return 5 for 5.0, which JSON knows as the same number. A text stays a text, and is refused."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


class PauseRequest(Asked):
    """Whose conversation the agent is to leave alone (all, where no one is named), and for how many minutes."""

    user_id: MetaId | None = None
    minutes: Annotated[int, Field(ge=1, le=43_200, strict=True), BeforeValidator(_whole)] = 60


class ResumeRequest(Asked):
    """In whose conversation the agent may speak again; in all, where no one is named."""

    user_id: MetaId | None = None


class Paused(Body):
    """Whether and until when the agent is silent."""

    is_paused: bool
    paused_until: Time | None = None
    user_id: str | None = None
