"""The doctor, with Meta and Retell played: whatever fails, the right row says so and what mends it."""

import json
import threading
import time
from datetime import timedelta
from types import SimpleNamespace

import pytest

from connector.accounts import AccessToken, Login
from connector.contract.connection import Status
from connector.errors import Misconfigured, Unavailable
from connector.instagram.graph import Graph
from connector.storage.documents import now
from connector.tenancy import Tenant
from tests.integration.owners import owners, wish
from tests.unit.peer import nobody, peer

TENANT = Tenant("sub_1", "agent_1")
ROWS = ("token", "permissions", "account", "pageLink", "messageAccess", "subscription", "agent")
OF_META = ("token", "permissions", "account", "messageAccess", "subscription")

both_logins = pytest.mark.parametrize("login", list(Login))


@pytest.fixture
def world(aws, database):
    with owners(aws, database) as made:
        apps = {f"{login}App": {"id": app.app_id, "secret": app.secret} for login, app in made.apps.items()}
        aws.put_secret("app-secrets", json.dumps(apps))
        yield made


@pytest.fixture
def account(world):
    return world.meta.account()


@pytest.fixture(params=list(Login))
def connected(world, account, request):
    """An account, connected with each login."""
    return _connect(world, account, request.param)


def _connect(world, account, login=Login.FACEBOOK, **changes):
    made = world.connecting().connect(TENANT, wish(account, login, **changes))
    token = account["accessToken" if login is Login.FACEBOOK else "instagramAccessToken"]
    return SimpleNamespace(connection=made, login=login, token=token, account_id=account["instagramAccountId"])


def _examine(world, **how):
    """Have the connection examined, and return what status says then: the rows, and all."""
    examined = world.doctor(**how).examine(world.connections.get(TENANT))
    assert examined == world.connections.get(TENANT), "what is not recorded is forgotten with the answer"
    return _told(examined)


def _told(connection):
    status = json.loads(Status.of(connection, "/webhook", now()).model_dump_json(by_alias=True))
    for row in status["checks"]:
        assert (row["remedy"] is None) is (row["code"] is None) is (row["message"] is None)
        assert row["code"] or row["outcome"] == "passed", row
    return {row["name"]: row for row in status["checks"]}, status


def _outcomes(rows, *names):
    return {name: (rows[name]["outcome"], rows[name]["code"]) for name in names if name in rows}


def _codes(rows, outcome):
    return {name: row["code"] for name, row in rows.items() if row["outcome"] == outcome}


# ── all is well


@pytest.mark.parametrize("names_app", [True, False], ids=["with-our-app", "without"])
def test_where_all_is_well_each_probe_says_so_and_when(world, connected, names_app):
    if not names_app:
        world.aws.put_secret("app-secrets", "{}")
    rows, status = _examine(world)
    assert [*rows] == [
        *(name for name in ROWS if name != "pageLink" or connected.login is Login.FACEBOOK),
        "webhook",
        "lastError",
    ]
    assert _codes(rows, "failed") == {}
    assert _codes(rows, "unknown") == {"webhook": "never_called"}
    assert all(row["ageSeconds"] in (0, 1) and row["checkedAt"] for name, row in rows.items() if name != "webhook")
    assert (status["isConnected"], status["reauthorizationRequired"]) == (True, False)
    assert status["login"] == connected.login


def test_connecting_has_looked_at_everything_already(world, connected):
    rows, _ = _told(world.connections.get(TENANT))
    assert _codes(rows, "unknown") == {"webhook": "never_called"}
    assert _codes(rows, "failed") == {}


def test_what_meta_tells_of_a_pages_token_is_told(world, account):
    _connect(world, account)
    world.meta.control("PUT", f"tokens/{account['accessToken']}", expiresInSeconds=3600)
    _, status = _examine(world)
    assert {"instagram_basic", "instagram_manage_messages", "pages_messaging"} <= set(status["permissions"])
    assert status["tokenExpiresAt"] is not None
    assert status["nextRefreshAt"] is None, "nobody can renew it"


def test_examining_writes_nothing_at_meta(world, connected):
    before = len(world.meta.calls())
    _examine(world)
    calls = world.meta.calls()[before:]
    assert {method for method, path, _ in calls if not path.endswith("/v26.0/")} == {"GET"}
    assert {method for method, path, _ in calls if path.endswith("/v26.0/")} <= {"POST"}, "debug_token, in a batch"


# ── the token


@pytest.mark.parametrize(
    ("subcode", "words"),
    [
        (None, "no longer accepts"),
        (458, "removed the app"),
        (459, "log in at facebook.com"),
        (460, "password"),
        (463, "expired"),
        (464, "confirm"),
        (467, "revoked"),
        (492, "role on the Facebook Page"),
    ],
)
def test_a_token_that_has_died_is_the_failure_and_all_that_rests_on_it_is_unknown(world, connected, subcode, words):
    world.meta.control("PUT", f"tokens/{connected.token}", revoked={"code": 190, "subcode": subcode})
    rows, status = _examine(world)
    assert _codes(rows, "failed") == {"token": "reconnect_needed", "lastError": "reconnect_needed"}
    assert words in rows["token"]["message"]
    assert "Connect the account again" in rows["token"]["remedy"]
    assert {*_outcomes(rows, *OF_META[1:], "pageLink").values()} == {("unknown", "needs_token")}
    assert rows["agent"]["outcome"] == "passed"
    assert (status["isConnected"], status["status"], status["reauthorizationRequired"]) == (
        False,
        "needs_reconnection",
        True,
    )


def test_a_session_that_is_over_is_a_dead_token_too(world, connected):
    world.meta.control("PUT", f"tokens/{connected.token}", revoked={"code": 102})
    rows, status = _examine(world)
    assert _outcomes(rows, "token") == {"token": ("failed", "reconnect_needed")}
    assert status["reauthorizationRequired"]


def test_a_token_that_has_expired_is_told_as_that(world, connected):
    world.meta.control("PUT", f"tokens/{connected.token}", expiresInSeconds=-60)
    rows, _ = _examine(world)
    assert rows["token"]["message"] == "The access token has expired."


def test_g2_a_token_whose_parameter_is_gone_is_dead_and_the_owner_is_wanted(world, connected):
    world.lose_token(world.connections.get(TENANT))
    before = len(world.meta.calls())
    rows, status = _examine(world)
    assert _codes(rows, "failed") == {"token": "reconnect_needed", "lastError": "reconnect_needed"}
    assert status["reauthorizationRequired"]
    assert len(world.meta.calls()) == before, "there is nothing to ask with"


def test_a_connection_that_works_again_is_connected_again(world, connected):
    """As after the owner has logged in at facebook.com, which is what Meta wanted."""
    world.meta.control("PUT", f"tokens/{connected.token}", revoked={"code": 190, "subcode": 459})
    assert _examine(world)[1]["reauthorizationRequired"]
    world.meta.control("PUT", f"tokens/{connected.token}", revoked=None)
    rows, status = _examine(world)
    assert (status["status"], _codes(rows, "failed")) == ("connected", {})


def test_a_token_that_was_replaced_while_the_old_one_was_examined_is_not_called_dead(world, account):
    old = _connect(world, account).connection
    world.meta.control("PUT", f"tokens/{account['accessToken']}", revoked={"code": 190})
    fresh = world.meta.control("POST", "tokens", kind="page", accountId=account["instagramAccountId"])["token"]
    _connect(world, account | {"accessToken": fresh})
    examined = world.doctor().examine(old)
    assert examined.is_connected
    rows, _ = _told(examined)
    assert _codes(rows, "failed") == {}


# ── what the owner has changed


@pytest.mark.parametrize(
    ("login", "permission"),
    [
        *((Login.FACEBOOK, name) for name in ("instagram_basic", "instagram_manage_messages", "pages_messaging")),
        *((Login.INSTAGRAM, name) for name in ("instagram_business_basic", "instagram_business_manage_messages")),
    ],
)
def test_a_permission_that_was_taken_away_is_named_and_wants_the_owner(world, account, login, permission):
    made = _connect(world, account, login)
    world.meta.control("PUT", f"tokens/{made.token}", withoutScopes=[permission])
    rows, status = _examine(world)
    assert _codes(rows, "failed") == {"permissions": "permission_missing", "lastError": "permission_missing"}
    assert permission in rows["permissions"]["message"]
    assert "Create a token" in rows["permissions"]["remedy"]
    assert status["reauthorizationRequired"]


def test_message_access_that_was_switched_off_names_the_switch(world, connected):
    world.meta.control("PUT", f"accounts/{connected.account_id}", allowsMessages=False)
    rows, status = _examine(world)
    assert _codes(rows, "failed") == {"messageAccess": "messages_not_allowed"}
    assert "Connected tools" in rows["messageAccess"]["remedy"]
    assert not status["reauthorizationRequired"]


def test_a_page_that_was_unlinked_fails_as_page_link(world, account):
    _connect(world, account)
    world.meta.control("PUT", f"accounts/{account['instagramAccountId']}", pageId=None)
    rows, _ = _examine(world)
    assert _outcomes(rows, "pageLink") == {"pageLink": ("failed", "page_not_linked")}
    assert "Link them" in rows["pageLink"]["remedy"]
    assert rows["token"]["outcome"] == "passed"


def test_an_account_that_is_no_longer_subscribed_fails_as_subscription(world, connected):
    world.meta.control("PUT", f"accounts/{connected.account_id}", subscribed=False)
    rows, _ = _examine(world)
    assert _codes(rows, "failed") == {"subscription": "not_subscribed"}
    assert "Connect the account again" in rows["subscription"]["remedy"]


def test_an_account_that_has_become_personal_fails_as_account(world, connected):
    world.meta.control("PUT", f"accounts/{connected.account_id}", professional=False)
    rows, _ = _examine(world)
    found = {Login.FACEBOOK: ("unknown", "not_shown"), Login.INSTAGRAM: ("failed", "app_access_missing")}
    assert _outcomes(rows, "account") == {"account": found[connected.login]}, "Meta says the same of other causes"
    assert "Business or Creator" in rows["account"]["remedy"]


def test_a_token_that_sees_another_account_than_the_events_name_fails_as_account(world, account):
    made = _connect(world, account, Login.INSTAGRAM).connection
    other = AccessToken(world.meta.account()["instagramAccessToken"])
    version = world.secrets.put_access_token(TENANT, made.secrets_id, other, key_id="alias/test-stack")
    world.connections.renew(made, made.grant, token_version=version)
    rows, _ = _examine(world)
    assert _outcomes(rows, "token", "account") == {"token": ("passed", None), "account": ("failed", "other_account")}


def test_an_account_whose_owner_has_no_role_on_the_app_is_told_of_the_invitation(world, account):
    _connect(world, account, Login.INSTAGRAM)
    world.meta.control("PUT", f"accounts/{account['instagramAccountId']}", hasRole=False)
    rows, status = _examine(world)
    assert "Instagram Tester" in rows["account"]["remedy"]
    assert not status["reauthorizationRequired"], "the token lives"


# ── Retell


def test_an_agent_that_retell_no_longer_has_fails_as_agent(world, connected):
    world.connections.connect(
        TENANT,
        connected.connection.account,
        retell_agent_id="missing_agent",
        token_version=connected.connection.token_version,
        grant=connected.connection.grant,
    )
    rows, _ = _examine(world)
    assert _codes(rows, "failed") == {"agent": "agent_not_found"}
    assert "retellAgentId" in rows["agent"]["remedy"]


def test_a_retell_that_cannot_be_reached_leaves_the_agent_unknown(world, connected):
    world.retell_url = nobody()
    rows, _ = _examine(world)
    assert _outcomes(rows, "agent") == {"agent": ("unknown", "try_later")}
    assert "Retell" in rows["agent"]["message"]
    assert rows["token"]["outcome"] == "passed"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Misconfigured("the parameter is missing"), ("failed", "agent_key_missing")),
        (Unavailable("SSM does not answer"), ("unknown", "try_later")),
    ],
)
def test_a_key_for_retell_that_cannot_be_read_is_the_agents_row_and_nobody_elses(
    world, connected, monkeypatch, error, outcome
):
    def refuse(*_):
        raise error

    monkeypatch.setattr(world, "require_agent", refuse)
    rows, _ = _examine(world)
    assert _outcomes(rows, "agent") == {"agent": outcome}
    assert rows["token"]["outcome"] == "passed"


# ── Meta is slow, or away


def test_a_meta_that_cannot_be_reached_leaves_everything_unknown_and_the_connection_as_it_was(
    world, connected, monkeypatch
):
    monkeypatch.setattr(world, "graph", lambda login, token, node_id: Graph(nobody(), token, node_id))
    rows, status = _examine(world)
    assert _codes(rows, "failed") == {}
    assert {rows[name]["outcome"] for name in OF_META} == {"unknown"}
    assert rows["agent"]["outcome"] == "passed"
    assert status["isConnected"]


def test_a_limit_of_metas_is_no_failure_of_the_connection(world, connected):
    world.meta.control("PUT", "faults", rate_limit={"code": 4, "times": 50})
    rows, status = _examine(world)
    assert _codes(rows, "failed") == {}
    assert _outcomes(rows, "token") == {"token": ("unknown", "rate_limited")}
    assert status["isConnected"]


def test_what_does_not_answer_in_time_is_unknown_and_keeps_nobody_waiting(world, connected, monkeypatch):
    with peer() as silent:
        silent.behave = silent.hang
        monkeypatch.setattr(world, "graph", lambda login, token, node_id: Graph(silent.url, token, node_id))
        began_at = time.monotonic()
        rows, status = _examine(world, within=timedelta(milliseconds=200))
        took = time.monotonic() - began_at
        assert silent.requests, "the test is about answers, not about questions"
        silent.released.set()
    assert took < 5
    asked = set(OF_META) - ({"permissions"} if connected.login is Login.INSTAGRAM else set())
    assert {rows[name]["code"] for name in asked} == {"no_answer"}
    assert {rows[name]["outcome"] for name in OF_META} == {"unknown"}
    assert rows["agent"]["outcome"] in ("passed", "unknown")
    assert status["isConnected"]


@pytest.mark.races
def test_all_are_asked_at_the_same_time(world, connected, monkeypatch):
    """Each waits until all have asked: one after another, nobody would ever answer."""
    asked = len(OF_META) - (connected.login is Login.INSTAGRAM) + (connected.login is Login.FACEBOOK)
    together = threading.Barrier(asked, timeout=10)
    graph = world.graph

    def wait(login, token, node_id):
        together.wait()
        return graph(login, token, node_id)

    monkeypatch.setattr(world, "graph", wait)
    rows, _ = _examine(world)
    assert _codes(rows, "failed") == {}
    assert _codes(rows, "unknown") == {"webhook": "never_called"}
