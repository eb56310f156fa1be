"""Connecting by a login at Meta, of both flavours: from the address to the connection, and all that comes between."""

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from connector import browser
from connector.accounts import Login
from connector.errors import AccountInUse, ConnectorError, LoginFailed, LoginNotSetUp
from connector.instagram.graph import Graph
from connector.instagram.oauth import exchange
from connector.instagram.subscriptions import fields_of
from connector.lifecycle.authorization import Authorizing
from connector.lifecycle.login import Ended, LoggingIn
from connector.logins import PendingLogin
from connector.storage.authorizations import COLLECTION, Authorizations
from connector.storage.documents import now
from connector.storage.index_builds import ensure_indexes
from connector.tenancy import Tenant
from tests.integration.owners import Owners, owners, wish
from tests.integration.world import Clock
from tests.unit.peer import answer, peer

TENANT = Tenant("sub_1", "agent_1")
OTHER = Tenant("sub_2", "agent_2")
REDIRECT_URI = "https://api.example.com/api/instagram/oauth/callback"
BACK = "https://app.example.com/settings?tab=2"

both_logins = pytest.mark.parametrize("login", list(Login))


@dataclass
class Door:
    """Where owners come in."""

    world: Owners
    clock: Clock
    authorizations: Authorizations

    @property
    def authorizing(self) -> Authorizing:
        dialogs = {
            Login.FACEBOOK: f"{self.world.meta.url}/v26.0/dialog/oauth",
            Login.INSTAGRAM: f"{self.world.meta.url}/oauth/authorize",
        }
        return Authorizing(self.world.apps.get, dialogs, self.authorizations, self.world.binding())

    @property
    def logging_in(self) -> LoggingIn:
        def exchanged(login, app, code, redirect_uri):
            base = f"{self.world.meta.url}/v26.0" if login is Login.FACEBOOK else self.world.meta.url
            return exchange(base, app, code, redirect_uri)

        return LoggingIn(
            self.authorizing,
            self.authorizations,
            exchanged,
            self.world.graph,
            self.world.tokens,
            self.world.connecting().connect,
            self.world.connections,
            self.world.secrets,
            self.clock,
        )

    def invite(self, login: Login, *, tenant: Tenant = TENANT, **changes):
        """Return the address of a login."""
        pending = PendingLogin(tenant, login, REDIRECT_URI, tenant.agent_id, BACK)
        return self.authorizing.invite(replace(pending, **changes)).url

    def go(self, url: str, **dialog):
        """Log in as the simulator's dialog is told to, and return with what the browser brings back."""
        self.world.meta.control("PUT", "dialog", **dialog)
        answer = requests.get(url, timeout=10, allow_redirects=False)
        assert answer.status_code == 302, answer.text
        back = answer.headers["Location"]
        assert back.partition("?")[0] == REDIRECT_URI
        return {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}

    def log_in(self, login: Login, account, *, tenant: Tenant = TENANT, **changes):
        """Go all the way with one account."""
        return self.finish(self.go(self.invite(login, tenant=tenant, **changes), accountId=_id(account)))

    def finish(self, query, account=None):
        """Come back from Meta, and confirm the account, or the first one."""
        asked = self.logging_in.offer(query)
        return self.confirm(asked, account) if asked.offer else asked

    def confirm(self, asked, account=None):
        chosen = _id(account) if account else asked.offer.accounts[0][0]
        return self.logging_in.decide({"state": asked.offer.state, "ticket": asked.offer.ticket, "account": chosen})

    def token(self, connection):
        found = self.world.secrets.access_token(connection)
        (described,) = self.world.meta.control("GET", f"tokens/{found.value}")["tokens"]
        return found, described


def _id(account):
    return account["instagramAccountId"]


@pytest.fixture
def door(aws, database):
    with owners(aws, database) as world:
        clock = Clock()
        authorizations = Authorizations(database[COLLECTION], clock)
        ensure_indexes(database)
        yield Door(world, clock, authorizations)


@pytest.fixture
def account(door):
    return door.world.meta.account()


def code_of(ended):
    """Return why a login failed, having made sure that it says what to do."""
    assert isinstance(ended.error, ConnectorError), ended
    assert (ended.connection, ended.offer) == (None, None)
    assert ended.error.message.endswith("."), ended.error.message
    return ended.error.code


# ── what a login comes to


@both_logins
def test_whoever_logs_in_has_the_account_connected_with_a_token_that_lives_long(door, account, login):
    ended = door.log_in(login, account)
    made = door.world.connections.get(TENANT)
    assert (ended.error, ended.return_url, ended.connection) == (None, BACK, replace(made, checks=(), checked_at=None))
    assert made.is_connected
    assert (made.account.account_id, made.account.login, made.retell_agent_id) == (_id(account), login, "agent_1")
    assert {one.outcome for one in made.checks} == {"passed"}
    told = door.world.meta.control("GET", f"accounts/{_id(account)}")
    assert set(told["subscribedFields"]) == set(fields_of(login))
    _, described = door.token(made)
    assert (described["kind"], described["short"]) == ("page" if login is Login.FACEBOOK else "instagram", False)


def test_a_page_token_has_no_end_and_its_owner_and_proof_are_known(door, account):
    made = door.log_in(Login.FACEBOOK, account).connection
    token, described = door.token(made)
    assert described["expiresAt"] is None
    assert (made.account.page_id, made.grant.expires_at) == (account["pageId"], None)
    assert (made.grant.owner_id, made.grant.app_id) == (account["ownerId"], door.world.apps[Login.FACEBOOK].app_id)
    assert (token.proof, token.app_id) == (None, door.world.apps[Login.FACEBOOK].app_id)


def test_the_end_of_an_accounts_token_is_known_and_the_account_by_the_id_that_webhooks_carry(door, account):
    made = door.log_in(Login.INSTAGRAM, account).connection
    assert timedelta(days=58) < made.grant.expires_at - now() < timedelta(days=61)
    assert (made.account.account_id, made.grant.owner_id) == (_id(account), account["appScopedId"])
    assert account["appScopedId"] != _id(account)


def test_instagram_may_answer_a_code_without_the_list_that_it_documents(door, account):
    door.world.meta.control("PUT", "faults", flat_code_answer=True)
    assert door.log_in(Login.INSTAGRAM, account).connection.is_connected


def test_meta_may_require_the_proof_of_every_call(door, account):
    door.world.meta.control("PUT", "faults", require_proof=True)
    assert door.log_in(Login.FACEBOOK, account).connection.is_connected


def test_the_agent_at_retell_may_have_another_id(door, account):
    assert door.log_in(Login.INSTAGRAM, account, retell_agent_id="agent_x").connection.retell_agent_id == "agent_x"
    ended = door.log_in(Login.INSTAGRAM, account, retell_agent_id="missing_agent")
    assert (code_of(ended), ended.error.details[0].problem) == ("not_ready", "agent_not_found")
    assert door.world.connections.get(TENANT).retell_agent_id == "agent_x"


@both_logins
def test_i6_logging_in_again_gives_a_new_token_and_keeps_what_the_webhook_is_verified_with(door, account, login):
    first = door.world.connecting().connect(TENANT, wish(account, login, app_secret="test_app_secret"))
    again = door.log_in(login, account).connection
    assert again.generation == first.generation + 1
    assert door.token(again)[0].value not in (account["accessToken"], account["instagramAccessToken"])
    kept = door.world.secrets.webhook(TENANT)
    assert (kept.verify_tokens[0], kept.app_secrets) == ("meatyhamhock", ("test_app_secret",))


def test_a_new_connections_verification_token_is_nobodys_guess(door, account):
    door.log_in(Login.INSTAGRAM, account)
    door.log_in(Login.INSTAGRAM, door.world.meta.account(), tenant=OTHER)
    tokens = [door.world.secrets.webhook(tenant).verify_tokens[0] for tenant in (TENANT, OTHER)]
    assert len({*tokens}) == 2
    assert min(map(len, tokens)) >= 40


# ── Facebook Login for Business


def test_a_configuration_logs_in_where_scopes_are_refused(door, account):
    door.world.meta.control("PUT", "dialog", accountId=_id(account), configId="1234")
    refused = requests.get(door.invite(Login.FACEBOOK), timeout=10, allow_redirects=False)
    assert refused.status_code == 400
    app = door.world.apps[Login.FACEBOOK]
    door.world.apps[Login.FACEBOOK] = replace(app, config_id="1234")
    made = door.finish(door.go(door.invite(Login.FACEBOOK), accountId=_id(account), configId="1234"))
    assert made.connection.account.account_id == _id(account)


# ── several Pages


def test_whoever_has_several_accounts_is_asked_which_and_connects_that_one(door, account):
    other = door.world.meta.account(ownerId=account["ownerId"])
    for chosen in (account, other):
        asked = door.logging_in.offer(door.go(door.invite(Login.FACEBOOK), accountId=_id(account)))
        assert asked.offer.accounts == tuple((_id(one), one["username"]) for one in (account, other))
        ended = door.confirm(asked, chosen)
        assert (ended.return_url, ended.connection.account.account_id) == (BACK, _id(chosen))
    assert door.world.connections.get(TENANT).account.account_id == _id(other)


def test_an_account_that_was_asked_for_needs_no_choice(door, account):
    other = door.world.meta.account(ownerId=account["ownerId"])
    made = door.log_in(Login.FACEBOOK, account, account_id=_id(other)).connection
    assert made.account.account_id == _id(other)


def test_pages_beyond_the_first_hundred_are_found(door, account):
    for _ in range(100):
        last = door.world.meta.account(ownerId=account["ownerId"])
    made = door.log_in(Login.FACEBOOK, account, account_id=_id(last)).connection
    assert made.account.account_id == _id(last)


@both_logins
def test_another_account_than_the_one_that_was_asked_for_is_refused(door, account, login):
    other = door.world.meta.account()
    assert code_of(door.log_in(login, account, account_id=_id(other))) == "other_account"
    assert door.world.connections.get(TENANT) is None


@pytest.mark.parametrize("shown", ["none", "one that is linked to no account"])
def test_whoever_shows_no_page_with_an_account_is_told_to_link_one(door, account, shown):
    if shown == "none":
        query = door.go(door.invite(Login.FACEBOOK), accountId=_id(account), pageIds=[])
    else:
        door.world.meta.control("PUT", f"accounts/{_id(account)}", pageId=None)
        query = door.go(door.invite(Login.FACEBOOK), ownerId=account["ownerId"])
    assert code_of(door.finish(query)) == "no_account"


def test_whoever_may_not_write_for_the_page_is_told_so(door, account):
    query = door.go(door.invite(Login.FACEBOOK), accountId=_id(account))
    page = {"id": "1", "access_token": "t", "tasks": ["ADVERTISE"], "instagram_business_account": {"id": _id(account)}}
    with peer() as graph:
        graph.behave = answer({"data": [page]})
        logging_in = replace(door.logging_in, graph_of=lambda _, token, node: Graph(graph.url, token, node))
        assert code_of(logging_in.offer(query)) == "page_task_missing"


# ── refusals


@both_logins
def test_a_refusal_at_meta_connects_nothing_however_often_it_is_loaded(door, account, login):
    query = door.go(door.invite(login), answer="deny")
    assert "code" not in query
    assert [code_of(door.finish(query)) for _ in range(2)] == ["login_denied"] * 2
    assert door.world.connections.get(TENANT) is None


@both_logins
@pytest.mark.parametrize("answer", [{"error": "server_error"}, {}, {"error": "<b>", "error_description": "Call us!"}])
def test_what_the_query_says_besides_is_not_repeated(door, login, answer):
    state = parse_qs(urlsplit(door.invite(login)).query)["state"][0]
    ended = door.finish({"state": state, **answer})
    assert code_of(ended) == "login_refused"
    assert not [told for told in answer.values() if told in ended.error.message]


@pytest.mark.parametrize(
    ("login", "declined"),
    [
        (Login.INSTAGRAM, "instagram_business_manage_messages"),
        (Login.INSTAGRAM, "instagram_business_basic"),
        *((Login.FACEBOOK, name) for name in ("instagram_manage_messages", "pages_show_list", "pages_manage_metadata")),
    ],
)
def test_a_permission_that_was_switched_off_is_named(door, account, login, declined):
    ended = door.finish(door.go(door.invite(login), accountId=_id(account), declined=[declined]))
    assert code_of(ended) == "permission_missing"
    assert declined in ended.error.message


@both_logins
def test_an_account_that_could_not_be_answered_is_refused_as_by_connect(door, account, login):
    door.world.meta.control("PUT", f"accounts/{_id(account)}", allowsMessages=False)
    ended = door.log_in(login, account)
    assert (code_of(ended), ended.error.details[0].problem) == ("not_ready", "messages_not_allowed")
    assert door.world.connections.get(TENANT) is None


@both_logins
def test_h13_another_tenants_account_stays_theirs(door, account, login):
    door.log_in(login, account, tenant=OTHER)
    ended = door.log_in(login, account)
    assert isinstance(ended.error, AccountInUse)
    assert door.world.connections.of_account(_id(account)).tenant == OTHER


@both_logins
def test_without_an_app_at_meta_the_parameter_to_fill_is_named(door, login):
    door.world.apps = {}
    with pytest.raises(LoginNotSetUp) as refusal:
        door.invite(login)
    assert f'"{login}App"' in refusal.value.message
    assert "app-secrets" in refusal.value.message


@both_logins
def test_a_wrong_app_secret_is_the_operators_to_mend(door, account, login):
    door.world.apps = {name: replace(app, secret="wrong") for name, app in door.world.apps.items()}
    ended = door.log_in(login, account)
    assert code_of(ended) == "login_refused"
    assert "operator" in ended.error.message


# ── codes and states


@both_logins
def test_i6_a_code_that_was_used_already_connects_nothing_and_harms_nothing(door, account, login):
    query = door.go(door.invite(login), accountId=_id(account))
    first = door.finish(query).connection
    fresh = parse_qs(urlsplit(door.invite(login)).query)["state"][0]
    assert code_of(door.finish(query | {"state": fresh})) == "login_over"
    assert door.world.connections.get(TENANT).generation == first.generation


@both_logins
def test_a_code_that_is_too_old_is_told_so(door, account, login):
    query = door.go(door.invite(login), accountId=_id(account), codeAgeSeconds=3601)
    assert code_of(door.finish(query)) == "login_over"


@both_logins
def test_the_underscore_that_instagram_appends_to_a_code_is_none_of_it(door, account, login):
    query = door.go(door.invite(login), accountId=_id(account))
    assert door.finish(query | {"code": query["code"] + "#_"}).connection.is_connected


@both_logins
def test_an_answer_of_metas_that_was_lost_means_to_start_again(door, account, login):
    door.world.meta.control("PUT", "faults", lose_token_answer=1)
    assert code_of(door.log_in(login, account)) in ("outcome_unknown", "try_later")
    assert door.log_in(login, account).connection.is_connected


@both_logins
def test_i6_h13_the_browsers_back_button_connects_nothing_and_harms_nothing(door, account, login):
    query = door.go(door.invite(login), accountId=_id(account))
    first = door.finish(query).connection
    calls = len(door.world.meta.calls())
    with pytest.raises(LoginFailed) as refusal:
        door.finish(query)
    assert (refusal.value.code, refusal.value.status) == ("login_over", 400)
    assert "may be connected" in refusal.value.message
    assert len(door.world.meta.calls()) == calls, "Meta is not asked"
    assert door.world.connections.get(TENANT).generation == first.generation


@both_logins
def test_i6_of_two_callbacks_at_the_same_time_one_connects(door, account, login, race):
    query = door.go(door.invite(login), accountId=_id(account))
    results = race(4, lambda _: door.finish(query))
    assert sum(isinstance(one, Ended) and one.connection is not None for one in results) == 1
    assert all(isinstance(one, Ended | LoginFailed) and not getattr(one, "error", None) for one in results)
    assert door.world.connections.get(TENANT).generation == 1


def tampered(state):
    return ("B" if state[0] == "A" else "A") + state[1:]


@both_logins
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda query: query.pop("state"), id="missing"),
        pytest.param(lambda query: query.update(state=""), id="empty"),
        pytest.param(lambda query: query.update(state=tampered(query["state"])), id="tampered"),
        pytest.param(lambda query: query.update(state=query["state"] + "A"), id="longer"),
        pytest.param(lambda query: query.update(state=query["state"].upper()), id="another-case"),
        pytest.param(lambda query: query.update(state="$gt"), id="an-operator"),
        pytest.param(lambda query: query.update(state="\x00\ud800é" + "A" * 9000), id="no-state-at-all"),
        pytest.param(lambda query: query.update(state=query["state"] + "," + query["state"]), id="twice"),
    ],
)
def test_h13_a_state_that_nobody_was_given_connects_nothing(door, account, login, spoil):
    query = door.go(door.invite(login), accountId=_id(account))
    spoil(query)
    with pytest.raises(LoginFailed) as refusal:
        door.finish(query)
    assert refusal.value.status == 400
    assert (door.world.connections.get(TENANT), door.world.parameters()) == (None, {})


@both_logins
def test_h13_a_state_is_over_after_ten_minutes_although_it_is_still_stored(door, account, login):
    in_time, late = (door.go(door.invite(login), accountId=_id(account)) for _ in range(2))
    door.clock.ahead += timedelta(minutes=9, seconds=50)
    assert door.finish(in_time).connection.is_connected
    door.clock.ahead += timedelta(seconds=10)
    with pytest.raises(LoginFailed, match="ten minutes"):
        door.finish(late)


@both_logins
def test_h13_the_state_decides_whose_agent_is_connected_and_nothing_else_in_the_query_does(door, account, login):
    query = door.go(door.invite(login, tenant=OTHER), accountId=_id(account))
    door.finish(query | {"subaccountId": "sub_1", "agentId": "agent_1", "tenant": str(TENANT)})
    assert door.world.connections.get(TENANT) is None
    assert door.world.connections.get(OTHER).is_connected


def test_h13_a_login_that_was_asked_for_with_one_flavour_is_not_finished_with_the_other(door, account):
    query = door.go(door.invite(Login.INSTAGRAM), accountId=_id(account))
    other = door.go(door.invite(Login.FACEBOOK), accountId=_id(account))
    assert code_of(door.finish({"code": query["code"], "state": other["state"]})) == "login_refused"


def test_what_is_stored_of_a_state_does_not_finish_a_login_and_goes_away_by_itself(door, database):
    state = parse_qs(urlsplit(door.invite(Login.INSTAGRAM)).query)["state"][0]
    (stored,) = database[COLLECTION].find()
    assert state not in json.dumps(stored, default=str)
    assert len(state) == 43
    with pytest.raises(LoginFailed):
        door.finish({"state": stored["_id"], "code": "x"})
    index = database[COLLECTION].index_information()["expired"]
    assert (index["key"], index["expireAfterSeconds"]) == ([("expiresAt", 1)], 0)
    assert stored["expiresAt"] - stored["createdAt"] == timedelta(minutes=10)


@both_logins
def test_no_token_code_or_secret_stands_in_a_log_in_an_answer_or_beside_a_code_in_a_url(
    door, account, login, monkeypatch, capsys
):
    urls = []
    send = requests.Session.request

    def watch(session, method, url, **how):
        urls.append(f"{url} {how.get('params')}")
        return send(session, method, url, **how)

    query = door.go(door.invite(login), accountId=_id(account))
    with monkeypatch.context() as patched:
        patched.setattr("requests.Session.request", watch)
        ended = door.finish(query)
    answer = json.dumps(browser.tell(ended, "Example"))
    written = capsys.readouterr()
    token, _ = door.token(ended.connection)
    issued = [one["token"] for one in door.world.meta.control("GET", "tokens")["tokens"]]
    assert token.value in issued
    for secret in (query["code"], query["state"], *issued):
        assert not [url for url in urls if secret in url]
        assert secret not in answer + written.out + written.err + repr(ended)
