"""Answers stay below the 6 MB that Lambda hands on, however much the messages of a page hold; the next page goes on."""

import json

import pytest

from tests.integration.deployment import CONNECT, echo, heard, just_now
from tests.unit.payloads import USER

pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

LAMBDA_TAKES = 6_291_556
LONG = "👩🏽" * 5_000
FILES = [{"type": "file", "payload": {"title": LONG[:1_000], "url": f"https://x/{'y' * 3_000}"}}] * 20
EVIL_LINKS = [
    *("javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)", "\x01https://x/"),
    *("data:text/html,x", "file:///etc/passwd", "vbscript:x", "blob:https://x/y", "//evil.example/x", "/x", "https:x"),
    *(" https://x/", "https://x/ y", "https://x/\r\nA: b", "https://", "http://", "ftp://x/", 'https://x/"onload="x'),
]


@pytest.fixture
def connected(deployment):
    """A deployment whose account is connected."""
    deployment.is_warm = True
    assert deployment.call("POST", "connect", payload=CONNECT)[0] == 200
    return deployment


def _walk(deployment, verb, **query):
    """Return the rows of all pages, and how large each answer is within Lambda's JSON."""
    rows, sizes, cursor = [], [], {}
    while True:
        status, body = deployment.call("GET", verb, query={"limit": "100"} | query | cursor)
        assert status == 200, body
        rows += body["data"][verb]
        sizes.append(len(json.dumps(json.dumps(body))))
        if body["data"]["nextCursor"] is None:
            return rows, sizes
        cursor = {"cursor": body["data"]["nextCursor"]}


@pytest.mark.parametrize("query", [{}, {"userId": USER}, {"role": "human"}, {"q": "hello"}], ids=str)
def test_pages_of_long_messages_fit_and_lose_nothing(connected, query):
    mids = [f"m_{number}" for number in range(40)]
    for number, mid in enumerate(mids):
        at = just_now() - 1000 * (60 - number)
        connected.tell(echo(mid, at=at, text=f"hello {LONG}", attachments=FILES))
    rows, sizes = _walk(connected, "messages", **query)
    assert [one["mid"] for one in rows] == mids[::-1]
    assert len(sizes) > 1, "they would fit into one answer: nothing was tried"
    assert max(sizes) < LAMBDA_TAKES


def test_a_page_of_conversations_with_long_messages_fits(connected):
    users = [str(10**15 + number) for number in range(40)]
    for user in users:
        item = heard(f"m_{user}", f"hello {LONG}", attachments=FILES) | {"sender": {"id": user}}
        connected.tell(item)
    rows, sizes = _walk(connected, "conversations")
    assert sorted(one["userId"] for one in rows) == users
    assert len(sizes) > 1
    assert max(sizes) < LAMBDA_TAKES


@pytest.mark.parametrize("kind", ["received", "echoed"])
def test_only_web_addresses_are_shown_as_links(connected, kind):
    for number, url in enumerate(EVIL_LINKS):
        card = {"title": "T", "image_url": url, "default_action": {"url": url}, "buttons": [{"title": "B", "url": url}]}
        files = [{"type": "image", "payload": {"url": url}}, {"type": "fallback", "url": url, "payload": {}}]
        files += [{"type": "template", "payload": {"generic": {"elements": [card]}}}]
        told = {"attachments": files, "reply_to": {"story": {"id": "1", "url": url, "link_sticker_url": url}}}
        told |= {"referral": {"ref": "x", "ads_context_data": {"photo_url": url, "video_url": url}, "referer_uri": url}}
        item = heard(f"m_{number}", "hi", **told) if kind == "received" else echo(f"m_{number}", text="hi", **told)
        connected.tell(item)
    shown, _ = _walk(connected, "messages")
    exported = connected.call("GET", "export")[1]
    assert len(shown) == len(exported) == len(EVIL_LINKS)
    assert _links([shown, exported]) == set()
    connected.tell(heard("m_good", "hi", attachments=[{"type": "image", "payload": {"url": "HTTPS://x/é?a=b#c"}}]))
    assert _links(_walk(connected, "messages")[0]) == {"HTTPS://x/é?a=b#c"}


def _links(value, name=""):
    """Return every text in a field that is named as an address."""
    if isinstance(value, dict):
        return set().union(*(_links(inner, name) for name, inner in value.items()))
    if isinstance(value, list):
        return set().union(*(_links(inner, name) for inner in value))
    return {value} if isinstance(value, str) and name.lower().endswith(("url", "uri")) else set()
