"""Ice breakers and the persistent menu: set at a simulated Meta with both logins, and over HTTP."""

from functools import partial

import pytest
import requests

from connector.accounts import Account, Connection, Login
from connector.errors import NotConnected, OutcomeUnknown, ReconnectNeeded, Refused
from connector.instagram.menus import Localized, Menu, Menus, Tappable
from connector.lifecycle.menus import MenuKeeper
from connector.storage.documents import now
from connector.tenancy import Tenant
from tests.integration.deployment import CONNECT
from tests.integration.owners import owners, wish
from tests.unit.payloads import ACCOUNT, USER, compact, messaging
from tests.unit.peer import answer

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")

TENANT = Tenant("sub_1", "agent_1")
QUESTIONS: Localized = {
    "default": (Tappable("What are your hours?", "HOURS"), Tappable("Where are you?", "WHERE")),
    "pt_BR": (Tappable("Qual é o horário?", "HOURS"),),
}
ITEMS: Localized = {"default": (Tappable("Talk to us", "CARE"), Tappable("Shop", url="https://shop.example/?a=1"))}
BOTH = {Menu.ICE_BREAKERS: QUESTIONS, Menu.PERSISTENT_MENU: ITEMS}

both_logins = pytest.mark.parametrize("login", list(Login))


@pytest.fixture
def world(aws, database):
    with owners(aws, database) as made:
        yield made


@pytest.fixture
def account(world):
    return world.meta.account()


def keeper(world, account, login=Login.FACEBOOK):
    """Connect, and return what keeps the menus."""
    world.connecting().connect(TENANT, wish(account, login))
    return keeper_of(world)


def keeper_of(world):
    def menus(connection: Connection) -> Menus:
        of: Account = connection.account
        token = world.secrets.access_token(connection)
        return Menus(world.graph(of.login, token, of.node_id), of.login)

    return MenuKeeper(TENANT, world.connections, menus)


# ── at Meta


@both_logins
def test_both_menus_are_set_and_what_is_answered_is_what_meta_shows(world, account, login):
    menus = keeper(world, account, login)
    assert menus.read() == {}
    assert menus.set(BOTH) == menus.read() == BOTH


@both_logins
def test_what_is_not_named_stays_and_what_is_none_goes(world, account, login):
    menus = keeper(world, account, login)
    menus.set(BOTH)
    fewer = {"default": (Tappable("Where are you?", "WHERE"),)}
    assert menus.set({Menu.ICE_BREAKERS: fewer}) == {Menu.ICE_BREAKERS: fewer, Menu.PERSISTENT_MENU: ITEMS}
    assert menus.set({Menu.PERSISTENT_MENU: None}) == {Menu.ICE_BREAKERS: fewer}
    assert menus.set({Menu.ICE_BREAKERS: None, Menu.PERSISTENT_MENU: None}) == {}


def test_a_page_keeps_what_it_shows_in_messenger(world, account):
    menus = keeper(world, account)
    in_messenger = [{"question": "Only in Messenger?", "payload": "M"}]
    at_messenger(world, account, "POST", json={"ice_breakers": in_messenger})
    menus.set(BOTH)
    menus.set({Menu.ICE_BREAKERS: None, Menu.PERSISTENT_MENU: None})
    shown = at_messenger(world, account, "GET", params={"fields": "ice_breakers"})
    assert shown == {"data": [{"call_to_actions": in_messenger, "locale": "default"}]}


def at_messenger(world, account, method, **request):
    """Call Meta about a Page's own Messenger profile."""
    headers = {"Authorization": f"Bearer {account['accessToken']}"}
    url = f"{world.meta.url}/v26.0/me/messenger_profile"
    told = requests.request(method, url, headers=headers, timeout=10, **request)
    told.raise_for_status()
    return told.json()


def test_an_agent_without_an_account_has_no_menu(world, account):
    for call in (keeper_of(world).read, partial(keeper_of(world).set, BOTH)):
        with pytest.raises(NotConnected):
            call()
    menus = keeper(world, account)
    world.disconnecting().disconnect(TENANT)
    with pytest.raises(NotConnected):
        menus.read()


@pytest.mark.parametrize("verb", ["read", "set"])
def test_a_dead_token_is_remembered_on_the_connection_and_meta_is_not_asked_again(world, account, verb):
    menus = keeper(world, account)
    call = menus.read if verb == "read" else partial(menus.set, BOTH)
    world.meta.control("PUT", f"tokens/{account['accessToken']}", revoked={"code": 190, "subcode": 460})
    with pytest.raises(ReconnectNeeded):
        call()
    stored = world.connections.get(TENANT)
    assert (stored.status, stored.last_error["code"]) == ("needs_reconnection", "reconnect_needed")
    calls = len(world.meta.calls())
    with pytest.raises(ReconnectNeeded):
        call()
    assert len(world.meta.calls()) == calls


def test_a_permission_that_is_missing_is_told_and_remembered(world, account):
    menus = keeper(world, account)
    token = account["accessToken"]
    world.meta.control("PUT", f"tokens/{token}", withoutScopes=["instagram_manage_messages"])
    with pytest.raises(Refused) as refusal:
        menus.set(BOTH)
    assert refusal.value.code == "permission_missing"
    stored = world.connections.get(TENANT)
    assert (stored.status, stored.last_error["code"]) == ("connected", "permission_missing")


# ── over HTTP


BODY = {
    "iceBreakers": {"default": [{"question": "What are your hours?", "payload": "HOURS"}]},
    "persistentMenu": {
        "default": [
            {"type": "postback", "title": "Talk to us", "payload": "CARE"},
            {"type": "link", "title": "Shop", "url": "https://shop.example/"},
        ],
        "en_GB": [{"type": "postback", "title": "Help", "payload": "CARE"}],
    },
}


class Profile:
    """The account's menus at Meta, as a server that remembers what it was told."""

    def __init__(self, peer):
        self.kept = {}
        self.refusal = None
        self.requests = []
        self._peer = peer
        self._others = peer.behave
        peer.behave = self._answer

    def _answer(self, handler):
        request = self._peer.requests[-1]
        if not request.path.endswith("/messenger_profile"):
            return self._others(handler)
        self.requests.append(request)
        if self.refusal:
            return answer(*self.refusal)(handler)
        match request.method:
            case "GET":
                kept = self.kept.get(request.query["fields"])
                return answer({"data": [{request.query["fields"]: kept}] if kept else []})(handler)
            case "POST":
                self.kept |= {name: value for name, value in request.json.items() if name != "platform"}
            case "DELETE":
                for name in request.json["fields"]:
                    self.kept.pop(name, None)
        return answer({"result": "success"})(handler)


@pytest.fixture
def connected(deployment):
    assert deployment.call("POST", "connect", payload=CONNECT)[0] == 200
    return deployment


@pytest.fixture
def profile(connected):
    return Profile(connected.meta)


def call(deployment, payload=None):
    """Call GET …/menu, or with a payload POST …/menu; return the status and the body."""
    return deployment.call("POST" if payload is not None else "GET", "menu", payload=payload)


def test_what_is_set_is_answered_and_may_be_sent_back_as_it_is(connected, profile):
    nothing = {"iceBreakers": None, "persistentMenu": None}
    assert call(connected) == (200, {"success": True, "data": nothing})
    assert call(connected, BODY) == (200, {"success": True, "data": BODY})
    assert call(connected) == (200, {"success": True, "data": BODY})
    assert call(connected, call(connected)[1]["data"])[1]["data"] == BODY
    assert call(connected, {"iceBreakers": None})[1]["data"] == BODY | {"iceBreakers": None}
    assert call(connected, nothing) == (200, {"success": True, "data": nothing})
    assert {one.query["platform"] for one in profile.requests} == {"instagram"}


@pytest.mark.parametrize("shown", [{"call_to_actions": "x"}, {"locale": "default"}, {"ice_breakers": None}, "x", None])
def test_a_strange_answer_of_metas_is_nothing_to_show(connected, profile, shown):
    profile.refusal = ({"data": [shown]},)
    assert call(connected)[1]["data"] == {"iceBreakers": None, "persistentMenu": None}


def test_what_another_tool_has_set_is_shown_also_where_it_is_more_than_may_be_set_here(connected, profile):
    items = [{"type": "postback", "title": "x" * 40, "payload": "P"}] * 8
    odd = {"type": "nested", "title": "More", "call_to_actions": []}
    profile.kept = {
        "ice_breakers": [{"question": "In the older form?", "payload": "OLD"}],
        "persistent_menu": [{"locale": "default", "call_to_actions": [*items, odd]}],
    }
    assert call(connected)[1]["data"] == {
        "iceBreakers": {"default": [{"question": "In the older form?", "payload": "OLD"}]},
        "persistentMenu": {"default": items},
    }


@pytest.mark.parametrize(
    ("payload", "field", "problem"),
    [
        ({}, "body", "iceBreakers, persistentMenu, or both"),
        ({"iceBreakers": []}, "iceBreakers", "a JSON object"),
        ({"menu": None}, "menu", "not known here"),
        ({"iceBreakers": {"en_GB": [{"question": "?", "payload": "P"}]}}, "iceBreakers", "default"),
        ({"iceBreakers": {"default": [{"question": "x" * 81, "payload": "P"}]}}, "iceBreakers.default.question", "80"),
        ({"persistentMenu": {"default": [{"type": "nested"}]}}, "persistentMenu.default", "'link', 'postback'"),
    ],
    ids=str,
)
def test_h10_a_body_that_instagram_would_not_take_is_refused_by_field_and_limit(
    connected, profile, payload, field, problem
):
    status, told = call(connected, payload)
    assert (status, told["error"]["code"]) == (400, "invalid_request")
    (detail,) = told["error"]["details"]
    assert detail["field"] == field
    assert problem in detail["problem"]
    assert profile.requests == []


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (({"error": {"code": 190, "type": "OAuthException"}}, 400), 409, "reconnect_needed"),
        (({"error": {"code": 10, "type": "OAuthException"}}, 400), 502, "permission_missing"),
        (({"error": {"code": 100, "type": "OAuthException"}}, 400), 502, "graph_refused"),
        (({"error": {"code": 80002, "type": "OAuthException"}}, 400), 429, "rate_limited"),
        (({"error": {"code": 2, "type": "OAuthException"}}, 500), 504, OutcomeUnknown.code),
    ],
)
def test_metas_refusals_are_told_as_those_of_every_route(connected, profile, refusal, status, code):
    profile.refusal = refusal
    answered, told = call(connected, BODY)
    assert (answered, told["error"]["code"]) == (status, code)
    remembered = connected.call("GET", "status")[1]["data"]["lastError"]
    assert remembered is None if status in (429, 504) else remembered["code"] == code


def test_an_agent_that_is_not_connected_is_told_so(deployment):
    for payload in (None, BODY):
        status, told = call(deployment, payload)
        assert (status, told["error"]["code"]) == (409, "not_connected")


def test_the_agent_is_asked_what_the_customer_tapped_and_told_what_brought_them(connected):
    referral = {"ref": "spring", "source": "SHORTLINKS", "type": "OPEN_THREAD"}
    tap = {"mid": "tap", "title": "What are your hours?", "payload": "HOURS", "referral": referral}
    item = {
        "sender": {"id": USER},
        "recipient": {"id": ACCOUNT},
        "timestamp": int(now().timestamp() * 1000),
        "postback": tap,
    }
    connected.post(compact(messaging(item)))
    connected.deliver("ingest", *connected.inbox())
    connected.deliver("reply", *connected.turns())
    *before, asked = (one.json for one in connected.retell.requests if one.method == "POST")
    assert asked["content"].split("\n") == [
        "[The customer came here through: ref “spring”, source “SHORTLINKS”]",
        "What are your hours?",
        "[The customer tapped this. Its payload: “HOURS”]",
    ]
    assert "spring" in str(before)
    assert connected.sent == ["We open at nine."]
    message = connected.call("GET", "messages", query={"userId": USER})[1]["data"]["messages"][-1]
    assert (message["text"], message["postback"]) == (
        "What are your hours?",
        {"payload": "HOURS", "title": "What are your hours?"},
    )
