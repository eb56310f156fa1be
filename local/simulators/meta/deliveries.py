"""Webhooks on their way: where they go, what they tell, how far each has come."""

from dataclasses import dataclass
from typing import Any, Literal

type ItemList = Literal["messaging", "standby"]
type DeliveryStatus = Literal["waiting", "accepted", "dropped"]


@dataclass(frozen=True)
class Callback:
    """Where webhooks go, as entered in the app dashboard."""

    url: str
    verify_token: str
    fields: list[str] | None = None
    """The fields of the Instagram object that are chosen there; None for all."""


@dataclass(frozen=True)
class WebhookEvent:
    """One item of `entry[].messaging[]` (or `standby[]`) that is to be told to the app."""

    account_id: str
    item: dict[str, Any]
    item_list: ItemList = "messaging"


@dataclass
class Delivery:
    """One webhook POST; `body` is ASCII and goes out byte for byte the same at every attempt."""

    delivery_id: str
    body: str
    created_at: int
    next_attempt_at: int
    status: DeliveryStatus = "waiting"
    attempts: int = 0
    last_http_status: int | None = None
