"""Looking after a connection: `lifecycle.upkeep` and `lifecycle.refresh`, with real stores and Meta's simulator."""

from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from connector.accounts import ConnectionStatus, Grant, Login
from connector.errors import Misconfigured, Unavailable
from connector.instagram.graph import Graph
from connector.instagram.subscriptions import fields_of
from connector.instagram.tokens import LongToken
from connector.lifecycle.pace import Pace
from connector.lifecycle.patrol import SOON
from connector.lifecycle.refresh import AHEAD, YOUNGEST, Refreshing
from connector.lifecycle.upkeep import HOURLY, WAS_UNSUBSCRIBED, Upkeep
from connector.storage.documents import now
from connector.tenancy import Tenant
from tests.integration.owners import owners, wish
from tests.unit.peer import nobody

TENANT = Tenant("sub_1", "agent_1")
KEY = "alias/test-stack"
LIFE = timedelta(days=60)
MINUTE = timedelta(minutes=1)

both_logins = pytest.mark.parametrize("login", list(Login))


class House:
    """A connection, everything it rests on, and who looks after it."""

    def __init__(self, world):
        self.world = world
        self.account = world.meta.account()
        self.graph_of = world.graph
        self.writes = Pace(0)
        self.tokens = world.tokens(Login.INSTAGRAM)

    # ── what the owner does

    def connect(self, login=Login.INSTAGRAM, **changes):
        return self.world.connecting().connect(TENANT, wish(self.account, login, **changes))

    def connected_since(self, age, lives=LIFE, *, is_known=True):
        """Connect, with a token of Instagram Login that was made so long ago."""
        connection = self.connect()
        self.change_token(issuedSecondsAgo=int(age.total_seconds()))
        if lives != LIFE:
            self.change_token(expiresInSeconds=int((lives - age).total_seconds()))
        made_at = now() - age
        grant = Grant(issued_at=made_at, expires_at=made_at + lives if is_known else None)
        return self.world.connections.renew(connection, grant, token_version=connection.token_version)

    def disconnect(self):
        self.world.disconnecting().disconnect(TENANT)

    def change_token(self, login=Login.INSTAGRAM, **changes):
        name = self.account["accessToken" if login is Login.FACEBOOK else "instagramAccessToken"]
        return self.world.meta.control("PUT", f"tokens/{name}", **changes)

    def change_account(self, **changes):
        return self.world.meta.control("PUT", f"accounts/{self.account_id}", **changes)

    def meta_fails(self, **faults):
        self.world.meta.control("PUT", "faults", **faults)

    # ── what we do

    def refreshing(self):
        world = self.world
        return Refreshing(self.tokens, world.connections, world.secrets, KEY, self.writes, now)

    def upkeep(self):
        world = self.world
        return Upkeep(self.graph_of, world.tokens, world.apps.get, self.refreshing(), world.connections, world.secrets)

    def visit(self, connection=None):
        """Look after the connection, as it was taken or as it stands."""
        return self.upkeep().look_after(connection or self.connection)

    # ── what stands

    @property
    def account_id(self):
        return self.account["instagramAccountId"]

    @property
    def connection(self):
        return self.world.connections.get(TENANT)

    @property
    def token(self):
        """The token as the functions read it."""
        connection = self.connection
        return self.world.secrets.access_token(connection)

    @property
    def subscribed(self):
        return self.world.meta.control("GET", f"accounts/{self.account_id}")["subscribedFields"]

    def works(self, token):
        """Return whether Meta takes a token now."""
        (told,) = self.world.meta.control("GET", f"tokens/{token}")["tokens"]
        return told["valid"]

    def row(self, name):
        """Return what was last found of one thing."""
        (found,) = [one for one in self.connection.checks if one.name == name]
        return found

    def refreshes(self):
        """Return how often Meta was asked for another token."""
        return len([path for _, path, _ in self.world.meta.calls() if path.endswith("refresh_access_token")])


@pytest.fixture
def house(aws, database):
    with owners(aws, database) as world:
        yield House(world)


def refusal(code):
    return ClientError({"Error": {"Code": code, "Message": "…"}}, "…")


def raising(error):
    """Return what raises this, whatever it is called with."""

    def fail(*_, **__):
        raise error

    return fail


# ── a token that must be renewed


def test_i9_a_token_is_renewed_before_it_dies_and_what_is_under_way_goes_on(house):
    before = house.connected_since(LIFE - AHEAD + MINUTE)
    visit = house.visit()
    after = house.connection
    assert visit.counted == {"ConnectionsChecked": 1, "TokensRefreshed": 1}
    assert house.token.value != house.account["instagramAccessToken"]
    assert house.works(house.token.value)
    assert (after.generation, after.status) == (before.generation, ConnectionStatus.CONNECTED)
    assert after.token_version == before.token_version + 1
    assert LIFE - MINUTE < after.grant.expires_at - now() < LIFE + MINUTE
    assert now() - after.grant.issued_at < MINUTE
    assert house.visit().counted == {"ConnectionsChecked": 1}, "it is young now"


def test_i9_the_old_token_is_still_read_by_who_began_with_it(house):
    old = house.connected_since(LIFE - AHEAD + MINUTE)
    house.visit()
    read = house.world.secrets.access_token(old)
    assert read.value == house.account["instagramAccessToken"]
    assert house.works(read.value)


@pytest.mark.parametrize(
    ("age", "is_known"),
    [(timedelta(days=30), True), (LIFE - AHEAD - MINUTE, True), (YOUNGEST - MINUTE, False), (timedelta(0), False)],
    ids=["half-its-life", "just-not", "a-day-old-nearly", "new"],
)
def test_i9_a_token_that_is_not_due_is_left_alone(house, age, is_known):
    house.connected_since(age, is_known=is_known)
    house.visit()
    assert house.refreshes() == 0


def test_i9_a_token_that_dies_soon_but_is_not_a_day_old_is_left_alone(house):
    house.connected_since(YOUNGEST - MINUTE, lives=timedelta(days=2))
    house.visit()
    assert house.refreshes() == 0


def test_i9_a_token_of_which_nobody_knows_when_it_dies_is_renewed_when_it_is_a_day_old(house):
    house.connected_since(YOUNGEST + MINUTE, is_known=False)
    assert house.connection.grant.expires_at is None
    assert house.visit().counted["TokensRefreshed"] == 1
    assert house.connection.grant.expires_at - now() > LIFE - MINUTE
    house.visit()
    assert house.refreshes() == 1


def test_i9_a_pages_token_is_never_renewed(house):
    house.connect(Login.FACEBOOK)
    connection = house.connection
    aged = replace(connection, grant=Grant(issued_at=now() - LIFE, expires_at=now() + MINUTE))
    assert not house.refreshing().is_due(aged)


@pytest.mark.parametrize(
    "faults",
    [
        {"fail_token_calls": {"code": 2, "status": 500}},
        {"fail_token_calls": {"code": 4}},
        {"fail_token_calls": {"code": 100}},
        {"lose_token_answer": 1},
    ],
    ids=["trouble", "limited", "refused", "answer-lost"],
)
def test_i9_a_refresh_that_fails_leaves_all_as_it_was_and_the_next_round_makes_it(house, faults):
    house.connected_since(LIFE - AHEAD + MINUTE)
    before, stored = house.connection, house.world.parameters()
    house.meta_fails(**faults)
    visit = house.visit()
    assert visit.counted == {"ConnectionsChecked": 1, "TokenRefreshFailed": 1}
    assert visit.rest == HOURLY
    after = house.connection
    assert (after.status, after.token_version, after.grant) == (before.status, before.token_version, before.grant)
    assert house.world.parameters() == stored
    assert house.visit().counted["TokensRefreshed"] == 1


def test_i9_a_refresh_that_meta_refuses_is_told_to_who_asks_for_the_status(house):
    house.connected_since(LIFE - AHEAD + MINUTE)
    house.meta_fails(fail_token_calls={"code": 100})
    house.visit()
    assert house.connection.last_error["code"] == "token_refresh_refused"
    assert house.connection.is_connected


def test_i9_where_meta_gives_the_same_token_back_its_new_end_is_recorded_and_nothing_is_written_to_ssm(house):
    house.connected_since(LIFE - AHEAD + MINUTE)
    before, stored = house.connection, house.world.parameters()

    class Same:
        def refresh_account(self, token):
            return LongToken(token.value, now() + LIFE)

    house.tokens = Same()
    assert house.visit().counted["TokensRefreshed"] == 1
    assert house.connection.token_version == before.token_version
    assert house.connection.grant.expires_at - now() > LIFE - MINUTE
    assert house.world.parameters() == stored


def test_i9_a_token_that_has_expired_meanwhile_needs_its_owner(house):
    house.connected_since(LIFE + MINUTE)
    visit = house.visit()
    assert visit.counted == {"ConnectionsChecked": 1, "TokenRefreshFailed": 1, "ReauthorizationRequired": 1}
    assert house.connection.status is ConnectionStatus.NEEDS_RECONNECTION
    assert house.row("token").outcome == "failed"


def test_i9_of_several_refreshers_at_one_moment_one_is_believed_and_its_token_works(house, race):
    connection, token = house.connected_since(LIFE - AHEAD + MINUTE), house.token
    results = race(6, lambda _: house.refreshing().refresh(connection, token))
    renewed = [one for one in results if one is not None]
    assert len(renewed) == 1, results
    assert house.connection == renewed[0][0]
    assert house.token == renewed[0][1]
    assert house.works(house.token.value)
    assert house.connection.generation == connection.generation


def test_i9_a_late_refresher_that_meta_refuses_reports_no_error(house):
    connection = house.connected_since(LIFE - AHEAD + MINUTE)
    house.visit()
    renewed, token = house.connection, house.token
    assert house.refreshing().refresh(connection, token) is None, "Meta refuses a token that was renewed a moment ago"
    assert house.refreshes() == 2
    assert (house.connection, house.token) == (renewed, token)


class Meddler:
    """A pace at which something happens in the last moment before the token is stored."""

    def __init__(self, happens):
        self.happens = happens

    def wait(self):
        self.happens()


def test_i9_a_disconnect_before_the_new_token_is_stored_leaves_no_secret_behind(house):
    house.connected_since(LIFE - AHEAD + MINUTE)
    house.writes = Meddler(house.disconnect)
    assert house.visit().counted == {"ConnectionsChecked": 1}
    assert house.world.parameters() == {}
    assert house.connection.status is ConnectionStatus.DISCONNECTED
    assert house.subscribed == []


def test_i9_a_disconnect_after_the_new_token_is_stored_leaves_no_secret_behind(house, monkeypatch):
    house.connected_since(LIFE - AHEAD + MINUTE)
    put = house.world.secrets.put_access_token

    def put_and_disconnect(*about, **how):
        version = put(*about, **how)
        house.disconnect()
        return version

    monkeypatch.setattr(house.world.secrets, "put_access_token", put_and_disconnect)
    house.visit()
    assert house.world.parameters() == {}
    assert house.connection.status is ConnectionStatus.DISCONNECTED


def test_i9_g7_a_reconnect_before_the_new_token_is_stored_has_its_own_token_and_no_other(house):
    house.connected_since(LIFE - AHEAD + MINUTE)
    house.account = house.world.meta.account()
    house.writes = Meddler(lambda: (house.disconnect(), house.connect()))
    house.visit()
    assert house.connection.is_connected
    assert house.connection.account.account_id == house.account_id
    assert house.token.value == house.account["instagramAccessToken"]


def test_g4_a_new_token_that_ssm_does_not_take_is_got_again_in_the_next_round(house, monkeypatch):
    house.connected_since(LIFE - AHEAD + MINUTE)
    before = house.connection
    with monkeypatch.context() as patched:
        patched.setattr(house.world.aws.ssm, "put_parameter", raising(ConnectTimeoutError(endpoint_url="ssm")))
        assert house.visit().counted == {"ConnectionsChecked": 1, "TokenRefreshFailed": 1}
    assert (house.connection.token_version, house.connection.grant) == (before.token_version, before.grant)
    assert house.works(house.token.value)
    assert house.visit().counted["TokensRefreshed"] == 1


def test_g5_a_new_token_whose_version_is_not_recorded_is_read_by_nobody_and_the_next_round_makes_another(
    house, monkeypatch
):
    house.connected_since(LIFE - AHEAD + MINUTE)
    before, old = house.connection, house.token
    with monkeypatch.context() as patched:
        patched.setattr(house.world.connections, "renew", raising(Unavailable("down")))
        assert house.visit().counted == {"ConnectionsChecked": 1, "TokenRefreshFailed": 1}
    assert house.connection.token_version == before.token_version
    assert house.token == old
    assert house.works(old.value)
    house.visit()
    assert house.connection.token_version == before.token_version + 2
    assert house.works(house.token.value)


# ── what Meta ended


@both_logins
def test_i8_an_account_that_meta_unsubscribed_is_subscribed_again_and_the_gap_is_told(house, login):
    house.connect(login)
    assert house.visit().counted == {"ConnectionsChecked": 1}
    house.change_account(subscribed=False)
    assert house.visit().counted == {"ConnectionsChecked": 1, "Resubscribed": 1}
    assert set(house.subscribed) == set(fields_of(login))
    assert (house.row("subscription").outcome, house.row("subscription").code) == ("passed", WAS_UNSUBSCRIBED)
    assert house.connection.is_connected
    assert house.visit().counted == {"ConnectionsChecked": 1}
    assert house.connection.last_error["code"] == WAS_UNSUBSCRIBED, "it is told until the account is connected anew"
    assert house.row("subscription").code is None


def test_i8_where_meta_does_not_subscribe_it_is_tried_again_soon(house):
    house.connect()
    house.change_account(subscribed=False)

    def graph_of(login, token, node_id):
        graph = house.world.graph(login, token, node_id)
        graph.change = Graph(nobody(), token, node_id).change
        return graph

    house.graph_of = graph_of
    visit = house.visit()
    assert visit.counted == {"ConnectionsChecked": 1}
    assert visit.rest == SOON
    assert house.row("subscription").outcome == "unknown"
    assert house.connection.is_connected


@both_logins
def test_i8_an_account_that_is_disconnected_meanwhile_does_not_stay_subscribed(house, login):
    house.connect(login)
    house.change_account(subscribed=False)

    def graph_of(login, token, node_id):
        graph = house.world.graph(login, token, node_id)
        change = graph.change

        def meddle(method, path, **how):
            if method == "POST" and path[-1] == "subscribed_apps":
                house.disconnect()
            return change(method, path, **how)

        graph.change = meddle
        return graph

    house.graph_of = graph_of
    assert house.visit().counted == {"ConnectionsChecked": 1}
    assert house.subscribed == []
    assert house.world.parameters() == {}
    assert house.connection.status is ConnectionStatus.DISCONNECTED


# ── what the owner ended, and gave again


@both_logins
@pytest.mark.parametrize("subcode", [None, 458, 459, 460, 463, 464, 467, 492])
def test_a_token_that_died_needs_its_owner_and_is_counted_once(house, login, subcode):
    made = house.connect(login)
    house.change_token(login, revoked={"code": 190, "subcode": subcode})
    assert house.visit().counted == {"ConnectionsChecked": 1, "ReauthorizationRequired": 1}
    assert house.connection.status is ConnectionStatus.NEEDS_RECONNECTION
    assert house.connection.generation == made.generation
    visit = house.visit()
    assert visit.counted == {"ConnectionsChecked": 1}
    assert visit.rest == HOURLY


@pytest.mark.parametrize(
    ("login", "permission"),
    [
        *((Login.FACEBOOK, name) for name in ("instagram_basic", "instagram_manage_messages", "pages_messaging")),
        (Login.INSTAGRAM, "instagram_business_basic"),
        (Login.INSTAGRAM, "instagram_business_manage_messages"),
    ],
)
def test_a_permission_that_was_taken_back_needs_the_owner(house, login, permission):
    house.connect(login)
    house.change_token(login, withoutScopes=[permission])
    assert house.visit().counted["ReauthorizationRequired"] == 1
    assert house.connection.status is ConnectionStatus.NEEDS_RECONNECTION
    if login is Login.FACEBOOK:
        assert permission not in house.connection.grant.permissions


@both_logins
def test_a_connection_whose_token_works_again_is_connected_again_without_its_owner(house, login):
    made = house.connect(login)
    house.change_token(login, revoked={"code": 190, "subcode": 459})
    house.visit()
    house.change_token(login, revoked=None)
    assert house.visit().counted == {"ConnectionsChecked": 1, "ConnectionsRestored": 1}
    assert house.connection.is_connected
    assert (house.connection.last_error, house.connection.generation) == (None, made.generation)


def test_g2_a_connection_whose_token_is_gone_needs_its_owner(house):
    house.world.lose_token(house.connect())
    assert house.visit().counted == {"ConnectionsChecked": 1, "ReauthorizationRequired": 1}
    assert house.connection.status is ConnectionStatus.NEEDS_RECONNECTION
    assert house.connect().is_connected
    assert house.visit().counted == {"ConnectionsChecked": 1}


def test_a_switch_that_the_owner_turned_is_told_and_leaves_the_connection_as_it_is(house):
    house.connect()
    house.change_account(allowsMessages=False)
    assert house.visit().counted == {"ConnectionsChecked": 1}
    assert (house.row("messageAccess").outcome, house.row("messageAccess").code) == ("failed", "messages_not_allowed")
    assert house.connection.is_connected


def test_a_page_that_was_unlinked_is_told(house):
    house.connect(Login.FACEBOOK)
    house.change_account(pageId=None)
    house.visit()
    assert house.row("pageLink").outcome == "failed"
    assert house.row("token").outcome == "passed"


# ── what says nothing about the connection


@both_logins
def test_a_meta_that_does_not_answer_ends_nothing_and_is_asked_again_soon(house, login):
    house.connect(login)
    url = nobody()
    house.graph_of = lambda login, token, node_id: Graph(url, token, node_id)
    visit = house.visit()
    assert (visit.counted, visit.rest) == ({"ConnectionsChecked": 1}, SOON)
    assert house.connection.is_connected
    assert house.row("token").outcome == "unknown"


def test_a_meta_that_does_not_answer_restores_nothing(house):
    house.world.connections.record_error(house.connect(), "reconnect_needed", needs_reconnection=True)
    url = nobody()
    house.graph_of = lambda login, token, node_id: Graph(url, token, node_id)
    house.visit()
    assert house.connection.status is ConnectionStatus.NEEDS_RECONNECTION


def test_e3_a_meta_that_limits_the_rate_is_not_asked_sooner_than_in_an_hour(house):
    house.connect()
    house.meta_fails(rate_limit={"code": 4, "times": 50})
    visit = house.visit()
    assert (visit.counted, visit.rest) == ({"ConnectionsChecked": 1}, HOURLY)
    assert house.connection.is_connected


def test_an_app_secret_that_meta_does_not_take_is_our_fault_and_no_owners(house):
    house.connect(Login.FACEBOOK)
    app = house.world.apps[Login.FACEBOOK]
    house.world.apps[Login.FACEBOOK] = replace(app, secret="wrong")
    house.visit()
    assert house.connection.is_connected
    assert house.row("permissions").outcome == "unknown"


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServerError"])
def test_g1_a_throttled_ssm_puts_the_visit_off_and_says_nothing_of_the_connection(house, monkeypatch, code):
    before = house.connect() and house.connection
    monkeypatch.setattr(house.world.aws.ssm, "get_parameter", raising(refusal(code)))
    with pytest.raises(Unavailable):
        house.visit()
    assert house.connection == before


@pytest.mark.parametrize("code", ["AccessDeniedException", "KMSInvalidStateException"])
def test_g3_a_secret_that_may_not_be_read_puts_the_visit_off_and_is_an_error_of_the_deployment(
    house, monkeypatch, code
):
    before = house.connect() and house.connection
    monkeypatch.setattr(house.world.aws.ssm, "get_parameter", raising(refusal(code)))
    with pytest.raises(Misconfigured):
        house.visit()
    assert house.connection == before


def test_a_visit_to_a_connection_that_was_disconnected_meanwhile_changes_nothing(house):
    taken = house.connect()
    house.disconnect()
    ended = house.connection
    house.visit(taken)
    assert house.connection == ended
    assert house.world.parameters() == {}
    assert house.subscribed == []


def test_a_visit_to_a_connection_that_was_made_anew_meanwhile_says_nothing_of_the_new_one(house):
    taken = house.connect()
    house.change_token(revoked={"code": 190})
    house.account = house.world.meta.account()
    renewed = house.connect() and house.connection
    house.visit(taken)
    assert house.connection == renewed


def test_no_token_and_no_id_stands_in_a_log_or_in_the_database(house, database, caplog):
    house.connected_since(LIFE - AHEAD + MINUTE)
    house.change_account(subscribed=False)
    first = house.account["instagramAccessToken"]
    house.visit()
    second = house.token.value
    house.world.meta.control("PUT", f"tokens/{second}", revoked={"code": 190})
    house.visit()
    logged = str([vars(record) for record in caplog.records])
    assert "subscribed again" in logged
    stored = str(list(database["instagram_connections"].find()))
    for secret in (first, second):
        assert secret not in logged + stored
    assert not [name for name in (house.account_id, TENANT.subaccount_id, TENANT.agent_id) if name in logged]
