"""From events to webhook POSTs: collecting, batching, reordering and duplicating."""

from collections.abc import Sequence
from dataclasses import replace

from local.simulators.clock import now_ms
from local.simulators.meta.deliveries import Delivery, WebhookEvent
from local.simulators.meta.faults import MetaFaults
from local.simulators.meta.handovers import HANDOVERS
from local.simulators.meta.identifiers import new_delivery_id
from local.simulators.meta.subscriptions import is_heard
from local.simulators.meta.wire import encode_notification
from local.simulators.meta.world import World

KEPT_DELIVERIES = 200  # finished ones, for looking at


def publish(world: World, faults: MetaFaults, event: WebhookEvent) -> list[str]:
    """Take up an event and answer the ids of the deliveries that it completes.

    Nothing is told, now or later, of an account that is personal or keeps its messages to itself, nor of a field that
    is not subscribed for the account and chosen with the callback.
    """
    account = world.accounts[event.account_id]
    is_open = account.professional and account.allows_messages
    told = _as_told(world, event)
    if not is_open or not is_heard(world, told):
        return []
    world.collected.append(told)
    return cut_deliveries(world, faults)


def cut_deliveries(world: World, faults: MetaFaults) -> list[str]:
    """Make deliveries of the collected events, as many as the faults allow now; their ids.

    `batch_webhooks` events make one POST, and `reorder_webhooks` POSTs go out together, the last first.
    Fewer events than that stay collected until more come or the faults end.
    """
    batch = faults.batch_webhooks
    group = batch * faults.reorder_webhooks
    made: list[str] = []
    while len(world.collected) >= group:
        events = world.collected[:group]
        del world.collected[:group]
        for start in range(group - batch, -1, -batch):
            made += _deliver(world, events[start : start + batch], faults.duplicate_webhooks)
    _forget_finished(world)
    return made


def _as_told(world: World, event: WebhookEvent) -> WebhookEvent:
    """Move what happens in a thread that another app has to `standby`, but for handovers."""
    if any(name in event.item for name in HANDOVERS):
        return event
    ends = {str((event.item.get(end) or {}).get("id")) for end in ("sender", "recipient")} - {event.account_id}
    threads = [thread for end in ends if (thread := world.thread_of(event.account_id, end))]
    return replace(event, item_list="standby") if any(map(world.is_elsewhere, threads)) else event


def _deliver(world: World, events: Sequence[WebhookEvent], copies: int) -> list[str]:
    now = now_ms()
    body = encode_notification(events, now)
    made = [Delivery(new_delivery_id(), body, created_at=now, next_attempt_at=now) for _ in range(copies)]
    world.deliveries += made
    return [delivery.delivery_id for delivery in made]


def _forget_finished(world: World) -> None:
    finished = [delivery for delivery in world.deliveries if delivery.status != "waiting"]
    gone = {delivery.delivery_id for delivery in finished[:-KEPT_DELIVERIES]}
    if gone:
        world.deliveries = [d for d in world.deliveries if d.delivery_id not in gone]
