"""What all bodies and answers of the documented API have in common."""

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, StringConstraints, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from connector.tenancy import ID_PATTERN

MetaId = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,32}$")]
AgentId = Annotated[str, StringConstraints(pattern=f"^{ID_PATTERN}$")]
IdempotencyKey = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[!-~]+$")]
# An SSM parameter holds 4 KB: the token with its proof in one, the other secrets with those of before in another.
Token = Annotated[str, StringConstraints(min_length=1, max_length=2048, pattern=r"^[!-~]+$")]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[!-~]+$")]

_HEX_32 = "^[0-9a-f]{32}$"


def _read_app_secret(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(_HEX_32[1:-1], value):
        return value
    raise PydanticCustomError(
        "app_secret", "must be the app secret from Meta's App Dashboard: 32 characters, each 0 to 9 or a to f"
    )


AppSecret = Annotated[
    str,
    BeforeValidator(_read_app_secret),
    WithJsonSchema({"type": "string", "pattern": _HEX_32}),
]

_UTC_PATTERN = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]{1,6})?Z"
_UTC = re.compile(_UTC_PATTERN)


def write_time(at: datetime) -> str:
    """Return a time as all answers show it: ISO 8601, UTC, to the millisecond."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _read_time(value: object) -> datetime:
    try:
        if isinstance(value, str) and _UTC.fullmatch(value):
            return datetime.fromisoformat(value)
    except ValueError:
        pass
    raise PydanticCustomError("time", "must be a time in ISO 8601, UTC, such as 2026-01-31T09:30:00.000Z")


Time = Annotated[
    datetime,
    PlainSerializer(write_time, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]
AskedTime = Annotated[
    datetime,
    BeforeValidator(_read_time),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": f"^{_UTC_PATTERN}$"}),
]


class Body(BaseModel):
    """Base of all: camelCase outside, snake_case inside, nothing unknown, nothing changed."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Asked(Body):
    """Base of what callers send: only under the documented names."""

    model_config = ConfigDict(populate_by_name=False, validate_by_name=False)


class Success[Data](Body):
    """Every success."""

    success: Literal[True] = True
    data: Data
