"""Meta's answers to `subscribed_apps`: a refused field, another refusal, and an app that is no longer installed."""

import pytest

from tests.integration.deployment import CONNECT, CONTEXT
from tests.integration.test_meta_refusals import Meta, row, said, status_of
from tests.unit.peer import answer

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

OF_FIELDS = [
    said("(#100) Param subscribed_fields[2] must be one of {feed, messages} - got message_edits", code=100),
    said("(#100) Invalid parameter", code=100),
    said("(#200) To subscribe to the message_reactions field, one of these permissions is needed", code=200),
    said("(#10) messaging_handovers needs another permission", code=10),
    said("Invalid subscribed_fields", code="100"),
]
OTHERS = [
    said(code=3),
    said(code=200),
    said("(#200) To subscribe to the messages field, one of these permissions is needed", code=200),
    said("Unsupported request - method type: post", code=100),
    said("(#100) App is not installed", code=100),
    said("Object with ID '1' does not exist", code=100, error_subcode=33),
    *(said(code=code) for code in (10, 190, 368, 803, 98765, 2, 4)),
    said(is_transient=True),
]


def subscriptions(deployment):
    """Return the fields of each request to subscribe."""
    asked = [one for one in deployment.meta.requests if one.method == "POST" and one.path.endswith("subscribed_apps")]
    return [one.query["subscribed_fields"] for one in asked]


def refuse_once(deployment, body):
    """Have Meta refuse the first request to subscribe."""
    others, refused = deployment.meta.behave, []

    def behave(handler):
        request = deployment.meta.requests[-1]
        if not refused and request.method == "POST" and request.path.endswith("subscribed_apps"):
            refused.append(request)
            return answer(body, 400)(handler)
        return others(handler)

    deployment.meta.behave = behave


@pytest.mark.parametrize("body", OF_FIELDS, ids=lambda body: body["error"]["message"][:40])
def test_a_refused_field_leaves_the_required_ones(deployment, body):
    refuse_once(deployment, body)
    status, told = deployment.call("POST", "connect", payload=CONNECT)
    assert status == 200, told
    assert subscriptions(deployment)[1:] == ["messages,messaging_postbacks"]


@pytest.mark.parametrize("body", OTHERS, ids=str)
def test_another_refusal_of_a_subscription_is_told_at_once(deployment, body):
    refuse_once(deployment, body)
    status, told = deployment.call("POST", "connect", payload=CONNECT)
    assert (status, told["success"]) != (200, True)
    assert len(subscriptions(deployment)) == 1


@pytest.mark.parametrize("code", [100, 200, None])
def test_an_app_that_meta_has_uninstalled_is_subscribed_again(deployment, code):
    deployment.take_in("a")
    scripted = Meta(deployment)
    others, made = deployment.meta.behave, subscriptions(deployment)

    def behave(handler):
        if len(subscriptions(deployment)) > len(made):
            scripted.behaves()
        others(handler)

    deployment.meta.behave = behave
    scripted.answers("GET", "subscribed_apps", said("App is not installed", code=code), 403)
    deployment.function("refresh")({}, CONTEXT)
    told = status_of(deployment)
    assert len(subscriptions(deployment)) == len(made) + 1
    assert (row(told, "subscription")["outcome"], told["status"]) == ("passed", "connected")
    assert told["lastError"]["code"] == "was_unsubscribed"
