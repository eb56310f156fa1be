"""What all bodies and answers of the documented API have in common."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer, StringConstraints
from pydantic.alias_generators import to_camel

from connector.tenancy import ID_PATTERN

MetaId = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,32}$")]
AgentId = Annotated[str, StringConstraints(pattern=f"^{ID_PATTERN}$")]
IdempotencyKey = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[!-~]+$")]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=2048, pattern=r"^[!-~]+$")]
Time = Annotated[
    datetime,
    PlainSerializer(lambda at: at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), return_type=str),
]


class Body(BaseModel):
    """Base of all: camelCase outside, snake_case inside, nothing unknown, nothing changed."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Success[Data](Body):
    """Every success."""

    success: Literal[True] = True
    data: Data
