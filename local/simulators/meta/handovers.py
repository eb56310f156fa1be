"""Handovers of threads between apps, and their webhook events (Meta, "Conversation Routing").

The events come under `messaging`, also to an app that has lost the thread.
"""

from local.simulators.clock import now_ms
from local.simulators.meta.deliveries import WebhookEvent
from local.simulators.meta.threads import Thread
from local.simulators.meta.wire import completed_event

HANDOVERS = ("pass_thread_control", "take_thread_control", "request_thread_control")


def give(thread: Thread, app_id: str | None, *, taken: bool = False, metadata: str = "") -> WebhookEvent:
    """Give an app the thread (None: no app has it), and return the webhook event."""
    told = {"previous_owner_app_id": thread.owner_app_id, "new_owner_app_id": app_id, "metadata": metadata}
    thread.owner_app_id = app_id
    return _event(thread, {"take_thread_control" if taken else "pass_thread_control": told})


def requested(thread: Thread, app_id: str, metadata: str = "") -> WebhookEvent:
    """Return the webhook event of an app that asks for the thread."""
    return _event(thread, {"request_thread_control": {"requested_owner_app_id": app_id, "metadata": metadata}})


def _event(thread: Thread, item: dict[str, dict[str, str | None]]) -> WebhookEvent:
    return completed_event(thread.account_id, thread.user_id, now_ms(), dict(item), "messaging")
