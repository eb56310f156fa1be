"""Status over HTTP, as API Gateway calls it: from what is stored, by asking now, and with links to show."""

import io
from base64 import b64decode

import pytest
import zxingcpp
from PIL import Image

from connector.contract.remedies import REMEDIES
from connector.instagram.links import MOST_REF_CHARACTERS
from connector.lifecycle.checks import OPTIONAL, Name
from tests.integration.deployment import CONNECT, CONTEXT, written
from tests.unit.payloads import USER, connection_path, http_event
from tests.unit.peer import answer

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

HANDSHAKE = {"hub.mode": "subscribe", "hub.verify_token": "meatyhamhock", "hub.challenge": "1158201444"}


@pytest.fixture
def connected(deployment):
    """A connected account."""
    assert deployment.call("POST", "connect", payload=CONNECT)[0] == 200
    return deployment


def _status(deployment, **query):
    status, told = deployment.call("GET", "status", query=query or None)
    assert status == 200, told
    return told["data"]


def _row(told, name):
    (row,) = [one for one in told["checks"] if one["name"] == name]
    return row


def _decoded(data_url):
    with Image.open(io.BytesIO(b64decode(data_url.partition(",")[2]))) as image:
        return [one.text for one in zxingcpp.read_barcodes(image.convert("L"), zxingcpp.BarcodeFormat.QRCode)]


def _shake(deployment, **changes):
    event = http_event("GET", connection_path("sub_1", "agent_1"), query=HANDSHAKE | changes)
    return deployment.function("webhook")(event, CONTEXT)["statusCode"]


def test_a_pause_of_all_conversations_shows_in_status(connected):
    assert _status(connected)["pausedUntil"] is None
    _, paused = connected.call("POST", "pause", payload={"minutes": 5})
    assert _status(connected)["pausedUntil"] == paused["data"]["pausedUntil"]
    connected.call("POST", "resume", payload={})
    assert _status(connected)["pausedUntil"] is None


# ── what is checked


def test_what_is_stored_is_answered_without_a_call(connected):
    before = len(connected.meta.requests), len(connected.retell.requests)
    told = _status(connected)
    assert [one["name"] for one in told["checks"]] == [name for name in Name if name not in OPTIONAL.values()]
    assert (len(connected.meta.requests), len(connected.retell.requests)) == before


def test_live_asks_now_and_what_it_found_is_stored(connected):
    before = _row(_status(connected), "messageAccess")
    assert before["outcome"] == "passed"
    connected.meta.behave = answer({"error": {"code": 190, "error_subcode": 460}}, 400)
    live = _status(connected, live="true")
    assert (live["isConnected"], live["reauthorizationRequired"]) == (False, True)
    assert _row(live, "token")["message"] == "The password was changed, or the session ended for safety."
    assert _row(live, "agent")["outcome"] == "passed"
    stored = _status(connected)
    for told in (live, stored):
        for row in told["checks"]:
            row.pop("ageSeconds")
            row.pop("checkedAt")
    assert stored == live


def test_live_of_an_agent_that_is_not_connected_asks_nobody(connected):
    connected.call("POST", "disconnect")
    before = len(connected.meta.requests), len(connected.retell.requests)
    told = _status(connected, live="true", ref="spring")
    assert (told["status"], told["checks"], told["directMessageUrl"]) == ("disconnected", [], None)
    assert (len(connected.meta.requests), len(connected.retell.requests)) == before


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"live": "perhaps"}, "live"),
        ({"verbose": "true"}, "verbose"),
        ({"ref": "spring sale"}, "ref"),
        ({"ref": "é"}, "ref"),
        ({"ref": "a&b"}, "ref"),
        ({"ref": "spring\n"}, "ref"),
        ({"ref": "x" * 1001}, "ref"),
    ],
)
def test_a_query_that_cannot_be_one_is_refused_by_name(connected, query, field):
    status, told = connected.call("GET", "status", query=query)
    assert (status, told["error"]["code"]) == (400, "invalid_request")
    assert [one["field"] for one in told["error"]["details"]] == [field]


# ── whether Meta reaches us


def test_a_webhook_that_nobody_has_set_is_told_where_to_set_it(connected):
    row = _row(_status(connected), "webhook")
    assert (row["outcome"], row["code"], row["checkedAt"]) == ("unknown", "never_called", None)
    assert "webhookPath" in row["remedy"]


def test_a_good_handshake_shows_that_the_webhook_is_set_also_after_a_reconnect(connected):
    assert _shake(connected) == 200
    assert connected.deliver("ingest", *connected.inbox()) == []
    assert _row(_status(connected), "webhook")["outcome"] == "passed"
    connected.call("POST", "connect", payload=CONNECT)
    row = _row(_status(connected), "webhook")
    assert row["outcome"] == "passed"
    assert row["ageSeconds"] < 60


def test_a_handshake_that_proves_nothing_shows_nothing(connected):
    assert _shake(connected, **{"hub.verify_token": "guess"}) == 403
    assert connected.inbox() == []


def test_an_event_proves_the_webhook_whichever_way_it_came(connected):
    connected.post(written("a"))
    assert connected.deliver("ingest", *connected.inbox()) == []
    told = _status(connected)
    assert _row(told, "webhook")["outcome"] == "passed"
    assert _row(told, "webhook")["checkedAt"] == told["lastEventAt"]


# ── what went wrong


def test_the_last_error_is_a_row_with_what_to_do(connected):
    assert _row(_status(connected), "lastError")["outcome"] == "passed"
    connected.take_in("a")
    connected.meta.behave = answer({"error": {"code": 200, "error_subcode": 2534041}}, 400)
    assert connected.call("POST", "send", payload={"to": USER, "message": "hi"})[0] == 502
    told = _status(connected)
    row = _row(told, "lastError")
    assert (row["outcome"], row["code"], row["checkedAt"]) == (
        "failed",
        "messages_not_allowed",
        told["lastError"]["at"],
    )
    assert (row["message"], row["remedy"]) == REMEDIES["messages_not_allowed"]


# ── links


def test_the_direct_message_link_is_always_there_and_its_qr_code_on_request(connected):
    told = _status(connected)
    assert told["directMessageUrl"] == "https://ig.me/m/acme"
    assert told["directMessageQrCodeDataUrl"] is None
    told = _status(connected, ref="")
    assert (told["directMessageUrl"], _decoded(told["directMessageQrCodeDataUrl"])) == (
        "https://ig.me/m/acme",
        ["https://ig.me/m/acme"],
    )


@pytest.mark.parametrize("ref", ["spring", "a-b_c=", "x" * 900, "0" * MOST_REF_CHARACTERS])
def test_a_ref_stands_in_the_link_and_in_its_qr_code(connected, ref):
    told = _status(connected, ref=ref)
    assert told["directMessageUrl"] == f"https://ig.me/m/acme?ref={ref}"
    assert _decoded(told["directMessageQrCodeDataUrl"]) == [told["directMessageUrl"]]
    assert _decoded(told["qrCodeDataUrl"]) == ["https://www.instagram.com/acme/"]


def test_h15_a_link_that_is_too_long_for_a_qr_code_is_refused(connected):
    assert connected.call("GET", "status", query={"ref": "x" * MOST_REF_CHARACTERS})[0] == 200
    status, told = connected.call("GET", "status", query={"ref": "x" * (MOST_REF_CHARACTERS + 1)})
    assert (status, told["error"]["details"][0]["field"]) == (400, "ref")
    assert f"{MOST_REF_CHARACTERS} characters" in told["error"]["details"][0]["problem"]
