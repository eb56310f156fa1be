"""Whatever is signed, the webhook accepts it, and what it queues can be read: payloads mutated in every way.

The daily run tries a thousand bodies. A hundred thousand, in about ten minutes:

    HYPOTHESIS_PROFILE=long python -m pytest tests/unit/test_webhook_fuzzed.py
"""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from connector.envelopes import InboxMessage
from connector.instagram.notifications import MAX_NOTIFICATIONS
from connector.instagram.reading import is_dashboard_test, read, read_as_it_came
from connector.webhook import MAX_BODY_BYTES
from tests.unit.mutations import damaged_bodies, mutated_bodies, mutated_payloads, spelt
from tests.unit.payloads import ACCOUNT, APP_PATH, OTHER_ACCOUNT, message, messaging
from tests.unit.webhook_function import PATH, WebhookFunction

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

EXAMPLES = settings().max_examples
"""The profile's: 100 in the daily run."""
PATHS = st.sampled_from([PATH, APP_PATH])

fuzzed = settings(max_examples=4 * EXAMPLES, suppress_health_check=[*HealthCheck])


def _accepted(webhook: WebhookFunction, raw: bytes, path: str) -> list[InboxMessage]:
    """Post a signed body, require what holds of every one, and return what was queued."""
    assume(len(raw) <= MAX_BODY_BYTES)
    webhook.queued()
    answer = webhook.post(raw, path=path)
    assert (answer["statusCode"], answer["body"]) == (200, "EVENT_RECEIVED")
    queued = webhook.queued()
    event(f"queued: {min(len(queued), 3)}{'+' if len(queued) > 2 else ''}")
    for one in queued:
        assert (one.route is None) is (path == APP_PATH)
        _require_readable(one)
    return queued


def _require_readable(one: InboxMessage) -> None:
    """Do with an inbox message what ingest does before it stores anything."""
    received_at = datetime.fromtimestamp(one.received_at / 1000, UTC)
    bson.encode({"instagramAccountId": one.notification.account_id})
    is_dashboard_test(one.notification)
    for meaning in (read(one.notification, received_at), read_as_it_came(one.notification, received_at)):
        event(type(meaning).__name__)
        bson.encode(asdict(meaning))


@fuzzed
@given(mutated_bodies(), PATHS)
def test_a9_a10_a11_a12_a13_a14_no_mutated_payload_is_more_than_accepted_and_all_that_is_queued_can_be_read(
    webhook: WebhookFunction, raw: bytes, path: str
):
    _accepted(webhook, raw, path)


@fuzzed
@given(damaged_bodies(), PATHS)
def test_a9_a10_no_damaged_body_is_more_than_accepted_and_all_that_is_queued_can_be_read(
    webhook: WebhookFunction, raw: bytes, path: str
):
    _accepted(webhook, raw, path)


@settings(max_examples=2 * EXAMPLES, suppress_health_check=[*HealthCheck])
@given(st.lists(mutated_payloads(most=3), min_size=1, max_size=3), st.data())
def test_a15_whatever_else_a_post_tells_the_good_messages_in_it_are_queued(
    webhook: WebhookFunction, mutated: list[Any], data: st.DataObject
):
    good = [message(f"good-{number}", account_id=account) for number, account in enumerate([ACCOUNT, OTHER_ACCOUNT])]
    items = [item for told in mutated for item in _items(told)]
    for one in good:
        items.insert(data.draw(st.integers(0, len(items))), one)
    raw = spelt(messaging(*items))
    assume(_is_json(raw) and len(items) <= MAX_NOTIFICATIONS)
    queued = [one.notification.item for one in _accepted(webhook, raw, PATH)]
    assert [one for one in good if one not in queued] == []


def _items(told: Any) -> list[Any]:
    """Return what is left of a mutated payload's items."""
    entries = told.get("entry") if isinstance(told, dict) else None
    entry = entries[0] if isinstance(entries, list) and entries else None
    items = entry.get("messaging") if isinstance(entry, dict) else None
    return items if isinstance(items, list) else [told]


def _is_json(raw: bytes) -> bool:
    """Return whether a parser takes the whole: no number of 5,000 digits, no nest of thousands of levels."""
    try:
        json.loads(raw)
    except (ValueError, RecursionError):
        return False
    return True
