"""Connecting with both of Meta's logins: what is checked, what each refusal says, and what it leaves behind."""

from datetime import timedelta

import pytest
import requests

from connector.accounts import ConnectionStatus, Login
from connector.errors import AccountInUse, AuthenticationFailed, KeyReused, NotReady, PageNotLinked, TryLater
from connector.instagram.permissions import Need, names
from connector.instagram.signatures import proof_of
from connector.instagram.subscriptions import fields_of
from connector.storage.connection_documents import SECRETS_UNDER_WAY
from connector.storage.connections import COLLECTION
from connector.storage.documents import now
from connector.storage.secret_sets import SecretSets
from connector.tenancy import Tenant
from tests.integration.owners import VERIFY_TOKEN, owners, wish

TENANT = Tenant("sub_1", "agent_1")
OTHER = Tenant("sub_2", "agent_2")

both_logins = pytest.mark.parametrize("login", list(Login))


@pytest.fixture
def world(aws, database):
    with owners(aws, database) as made:
        yield made


@pytest.fixture
def account(world):
    return world.meta.account()


def connect(world, account, login=Login.FACEBOOK, *, tenant=TENANT, key=None, **changes):
    return world.connecting().connect(tenant, wish(account, login, **changes), key=key)


def refusal_of(world, account, kind, login=Login.FACEBOOK, **changes):
    """Return how connecting is refused, having made sure that it changed nothing."""
    before = world.parameters(), world.connections.get(TENANT)
    with pytest.raises(kind) as refusal:
        connect(world, account, login, **changes)
    assert (world.parameters(), world.connections.get(TENANT)) == before
    return refusal.value


def token_of(world, connection):
    return world.secrets.access_token(connection)


# ── what connecting does


@both_logins
def test_an_account_is_connected_and_meta_tells_of_its_messages_from_then_on(world, account, login):
    made = connect(world, account, login)
    assert (made.account.account_id, made.account.username) == (account["instagramAccountId"], account["username"])
    assert made.account.login is login
    assert made.account.node_id == account["pageId" if login is Login.FACEBOOK else "instagramAccountId"]
    told = world.meta.control("GET", f"accounts/{made.account.account_id}")
    assert set(told["subscribedFields"]) == set(fields_of(login))
    stored = world.connections.get(TENANT)
    assert {one.outcome for one in stored.checks} == {"passed"}
    assert world.secrets.webhook(TENANT).verify_tokens[0] == VERIFY_TOKEN


def test_the_account_is_known_by_the_id_that_webhooks_carry_and_by_the_one_that_callbacks_carry(world, account):
    made = connect(world, account, Login.INSTAGRAM)
    assert (made.account.account_id, made.grant.owner_id) == (account["instagramAccountId"], account["appScopedId"])
    made = connect(world, account)
    assert (made.account.account_id, made.grant.owner_id) == (account["instagramAccountId"], account["ownerId"])


def test_a_page_token_of_our_app_is_stored_without_proof_and_with_its_grant(world, account):
    made = connect(world, account)
    token = token_of(world, made)
    assert (token.proof, token.app_id) == (None, world.apps[Login.FACEBOOK].app_id)
    assert "instagram_manage_messages" in made.grant.permissions
    assert (made.grant.app_id, made.grant.expires_at) == (world.apps[Login.FACEBOOK].app_id, None)


def test_a_token_of_the_callers_own_app_is_proven_with_the_secret_they_give(world, account):
    made = connect(world, account, app_secret="test_app_secret")
    assert token_of(world, made).proof == proof_of(account["accessToken"], "test_app_secret")
    assert world.secrets.webhook(TENANT).app_secrets == ("test_app_secret",)


def test_a_secret_that_is_only_for_the_webhooks_keeps_nobody_from_connecting(world, account):
    made = connect(world, account, app_secret="of another app, whose webhooks come")
    assert token_of(world, made).proof is None


def test_meta_may_require_the_proof_of_every_call(world, account):
    world.meta.control("PUT", "faults", require_proof=True)
    connect(world, account)
    world.disconnecting().disconnect(TENANT)
    assert world.meta.control("GET", f"accounts/{account['instagramAccountId']}")["subscribedFields"] == []


@both_logins
def test_no_token_stands_in_any_url(world, account, login, monkeypatch):
    urls = []
    send = requests.Session.request

    def watch(session, method, url, **how):
        urls.append(f"{url} {how.get('params')}")
        return send(session, method, url, **how)

    with monkeypatch.context() as patched:
        patched.setattr("requests.Session.request", watch)
        connect(world, account, login)
        world.disconnecting().disconnect(TENANT)
    assert len(urls) > 5
    assert not [url for url in urls if account["accessToken"] in url or account["instagramAccessToken"] in url]


def test_where_the_deployment_names_no_app_everything_else_is_checked(world, account):
    world.apps = {}
    made = connect(world, account)
    assert (made.grant.permissions, token_of(world, made).proof) == (None, None)
    refusal_of(world, account | {"accessToken": "EAAdead"}, AuthenticationFailed)


@pytest.mark.parametrize("names_app", [True, False], ids=["with-our-app", "without"])
@pytest.mark.parametrize("short", [True, False], ids=["short-lived", "long-lived"])
def test_a_persons_token_becomes_the_pages_which_does_not_expire(world, account, names_app, short):
    token = world.meta.control("POST", "tokens", kind="user", ownerId=account["ownerId"], short=short)["token"]
    world.apps = world.apps if names_app else {}
    made = connect(world, account, access_token=token)
    found = token_of(world, made).value
    assert found != token
    (described,) = world.meta.control("GET", f"tokens/{found}")["tokens"]
    assert described["kind"] == "page"
    assert (described["expiresAt"] is None) or not names_app


def test_a_short_lived_token_of_an_account_becomes_a_long_lived_one(world, account):
    made_token = world.meta.control(
        "POST", "tokens", kind="instagram", accountId=account["instagramAccountId"], short=True
    )["token"]
    made = connect(world, account, Login.INSTAGRAM, access_token=made_token)
    assert token_of(world, made).value != made_token
    assert timedelta(days=58) < made.grant.expires_at - now() < timedelta(days=61)


def test_a_long_lived_token_of_an_account_is_taken_as_it_is(world, account):
    made = connect(world, account, Login.INSTAGRAM)
    assert token_of(world, made).value == account["instagramAccessToken"]


# ── refusals: each names the cause, and the remedy


@both_logins
@pytest.mark.parametrize("subcode", [None, 458, 459, 460, 463, 464, 467, 492])
def test_a_token_that_has_died_is_refused(world, account, login, subcode):
    name = account["accessToken" if login is Login.FACEBOOK else "instagramAccessToken"]
    world.meta.control("PUT", f"tokens/{name}", revoked={"code": 190, "subcode": subcode})
    error = refusal_of(world, account, AuthenticationFailed, login)
    assert error.message.startswith("Authentication failed")
    assert name not in error.message


def test_the_token_of_another_page_is_refused(world, account):
    other = world.meta.account()
    error = refusal_of(world, account, AuthenticationFailed, access_token=other["accessToken"])
    assert "Page" in error.message


def test_the_token_of_another_account_is_refused_and_the_account_it_is_for_is_named(world, account):
    other = world.meta.account()
    error = refusal_of(
        world, account, AuthenticationFailed, Login.INSTAGRAM, access_token=other["instagramAccessToken"]
    )
    assert other["instagramAccountId"] in error.message


def test_the_app_scoped_id_is_not_the_accounts_id_and_the_right_one_is_named(world, account):
    error = refusal_of(world, account, AuthenticationFailed, Login.INSTAGRAM, account_id=account["appScopedId"])
    assert account["instagramAccountId"] in error.message


@pytest.mark.parametrize("permission", names(Login.FACEBOOK, Need.ALWAYS, Need.CONNECTING))
def test_a_permission_that_is_missing_is_refused_by_name(world, account, permission):
    world.meta.control("PUT", f"tokens/{account['accessToken']}", withoutScopes=[permission])
    refusal = refusal_of(world, account, AuthenticationFailed)
    assert refusal.message.startswith(f"Authentication failed. The access token lacks {permission}.")


@pytest.mark.parametrize(
    ("login", "permission"),
    [
        # Without an app, Meta does not tell what is granted: what is missing shows where it is used.
        *((Login.FACEBOOK, name) for name in ("instagram_basic", "instagram_manage_messages", "pages_manage_metadata")),
        *((Login.INSTAGRAM, name) for name in ("instagram_business_basic", "instagram_business_manage_messages")),
    ],
)
def test_a_permission_that_is_missing_is_refused_also_where_the_deployment_names_no_app(
    world, account, login, permission
):
    name = account["accessToken" if login is Login.FACEBOOK else "instagramAccessToken"]
    world.meta.control("PUT", f"tokens/{name}", withoutScopes=[permission])
    world.apps = {}
    refusal = refusal_of(world, account, AuthenticationFailed, login)
    assert refusal.message == f"Authentication failed. The access token lacks {permission}."


@both_logins
def test_a_personal_account_is_refused(world, account, login):
    world.meta.control("PUT", f"accounts/{account['instagramAccountId']}", professional=False)
    error = refusal_of(world, account, (AuthenticationFailed, PageNotLinked, NotReady), login)
    assert "Business or Creator" in error.message or "linked" in error.message


def test_a_page_that_is_linked_to_no_account_is_refused(world, account):
    other = world.meta.account()
    world.meta.control("PUT", f"accounts/{account['instagramAccountId']}", pageId=None)
    assert refusal_of(world, account, (PageNotLinked, AuthenticationFailed)).status == 400
    error = refusal_of(world, other, (PageNotLinked, AuthenticationFailed), account_id=account["instagramAccountId"])
    assert error.status == 400


@both_logins
def test_an_account_that_keeps_its_messages_to_itself_is_refused_with_the_switch_to_turn(world, account, login):
    world.meta.control("PUT", f"accounts/{account['instagramAccountId']}", allowsMessages=False)
    error = refusal_of(world, account, NotReady, login)
    assert "Connected tools" in error.message
    assert [(one.field, one.problem) for one in error.details] == [("messageAccess", "messages_not_allowed")]


@both_logins
def test_an_agent_that_retell_does_not_have_is_refused(world, account, login):
    error = refusal_of(world, account, NotReady, login, retell_agent_id="missing_agent")
    assert (error.code, error.status) == ("not_ready", 400)
    assert [(one.field, one.problem) for one in error.details] == [("agent", "agent_not_found")]


def test_a_retell_that_does_not_answer_keeps_nobody_from_connecting(world, account):
    world.retell_url = "http://127.0.0.1:9"
    connect(world, account)
    (found,) = [one for one in world.connections.get(TENANT).checks if one.name == "agent"]
    assert found.outcome == "unknown"


def test_a_meta_that_limits_the_rate_is_to_be_asked_later(world, account):
    world.meta.control("PUT", "faults", rate_limit={"code": 4, "times": 50})
    assert refusal_of(world, account, TryLater).retryable


# ── what stands already


@both_logins
def test_i2_the_same_account_through_the_other_login_is_the_same_account(world, account, login):
    connect(world, account, login, tenant=OTHER)
    for other in Login:
        error = refusal_of(world, account, AccountInUse, other)
        assert "sub_2" not in error.message
        assert "agent_2" not in error.message


def test_i2_an_agent_may_change_to_the_other_login_and_keeps_its_account(world, account):
    first = connect(world, account)
    second = connect(world, account, Login.INSTAGRAM)
    assert (first.account.account_id, second.generation) == (second.account.account_id, first.generation + 1)
    assert world.connections.of_account(account["instagramAccountId"]).account.login is Login.INSTAGRAM


def test_an_agent_that_moves_to_another_account_leaves_the_first_one_unsubscribed(world, account):
    other = world.meta.account()
    connect(world, account)
    connect(world, other)
    assert world.meta.control("GET", f"accounts/{account['instagramAccountId']}")["subscribedFields"] == []
    assert world.connections.of_account(account["instagramAccountId"]) is None
    connect(world, account, tenant=OTHER)


@both_logins
def test_a_connection_whose_token_died_is_mended_by_connecting_again(world, account, login):
    first = connect(world, account, login)
    world.connections.record_error(first, "reconnect_needed", needs_reconnection=True)
    assert connect(world, account, login).status is ConnectionStatus.CONNECTED


def test_g5_secrets_whose_connection_was_never_stored_are_deleted_later(world, account, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(world.connections, "join", lambda *_, **__: (_ for _ in ()).throw(TryLater("down")))
        with pytest.raises(TryLater):
            connect(world, account)
    orphans = set(world.parameters())
    assert len(orphans) == 2
    assert world.connections.get(TENANT) is None
    made = connect(world, account)
    assert token_of(world, made).value == account["accessToken"]
    assert orphans < set(world.parameters()), "that connect might still be under way"
    later = SecretSets(world.database[COLLECTION], world.secrets, lambda: now() + SECRETS_UNDER_WAY)
    assert later.clear_all() == 1
    kinds = ("access-token", "webhook")
    assert set(world.parameters()) == {f"connections/{TENANT}/{kind}/{made.secrets_id}" for kind in kinds}


def test_connects_in_a_race_leave_one_set_of_secrets_that_works(world, account, race):
    made = race(3, lambda _: connect(world, account))
    assert {one.generation for one in made} == {1, 2, 3}
    later = SecretSets(world.database[COLLECTION], world.secrets, lambda: now() + 2 * SECRETS_UNDER_WAY)
    later.clear_all()
    stored = world.connections.get(TENANT)
    assert {name.rpartition("/")[2] for name in world.parameters()} == {stored.secrets_id}
    assert token_of(world, stored).value == account["accessToken"]


def test_g5_who_loses_the_race_for_an_account_leaves_no_secrets_behind(world, account, monkeypatch):
    connect(world, account, tenant=OTHER)
    with monkeypatch.context() as patched:
        patched.setattr(world.connections, "of_account", lambda _: None)  # looked before the other was stored
        refusal_of(world, account, AccountInUse)
    made = connect(world, world.meta.account(), app_secret="its own")
    with monkeypatch.context() as patched:
        patched.setattr(world.connections, "of_account", lambda _: None)
        with pytest.raises(AccountInUse):
            connect(world, account, app_secret="another")
    assert world.secrets.webhook(TENANT).app_secrets == ("its own",)
    assert world.connections.get(TENANT).generation == made.generation
    assert token_of(world, made) is not None


def test_what_was_signed_with_the_secret_of_before_is_still_believed_after_a_reconnect(world, account):
    connect(world, account, app_secret="test_app_secret")
    connect(world, account, app_secret="the new one")
    assert world.secrets.webhook(TENANT).app_secrets == ("the new one", "test_app_secret")
    connect(world, account, app_secret="the newest")
    assert world.secrets.webhook(TENANT).app_secrets == ("the newest", "the new one", "test_app_secret")
    later = SecretSets(world.database[COLLECTION], world.secrets, lambda: now() + SECRETS_UNDER_WAY)
    later.clear_all()
    assert world.secrets.webhook(TENANT, recent=True).app_secrets == ("the newest", "the new one")


# ── Idempotency-Key


def test_the_same_key_and_wish_are_answered_from_what_is_stored(world, account):
    first = connect(world, account, key="k1")
    before = len(world.meta.calls())
    assert connect(world, account, key="k1").generation == first.generation
    assert len(world.meta.calls()) == before


def test_the_same_key_with_another_wish_is_refused(world, account):
    connect(world, account, key="k1")
    refusal_of(world, account, KeyReused, key="k1", verify_token="another")


def test_another_key_connects_again_and_so_does_the_same_one_after_a_disconnect(world, account):
    first = connect(world, account, key="k1")
    assert connect(world, account, key="k2").generation == first.generation + 1
    world.disconnecting().disconnect(TENANT)
    assert connect(world, account, key="k2").is_connected


# ── the end


@both_logins
def test_disconnecting_unsubscribes_where_the_login_has_it_and_leaves_no_secret(world, account, login):
    made = connect(world, account, login)
    world.disconnecting().disconnect(TENANT)
    assert world.parameters() == {}
    method, path, status = world.meta.calls()[-1]
    assert (method, path.rpartition("/v26.0/")[2], status) == ("DELETE", f"{made.account.node_id}/subscribed_apps", 200)
    assert world.meta.control("GET", f"accounts/{made.account.account_id}")["subscribedFields"] == []
