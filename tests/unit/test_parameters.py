"""SSM parameters through a cache that stays true: `storage.parameters` and `storage.secrets`."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from connector.accounts import AccessToken, Account, Connection, ConnectionStatus
from connector.errors import Misconfigured, ReconnectNeeded, TryLater, Unavailable
from connector.storage import parameters
from connector.storage.connection_secrets import PREVIOUS_LIVES, ConnectionSecrets
from connector.storage.parameters import (
    CAPACITY,
    FRESH_SECONDS,
    MISS_SECONDS,
    MOST_BYTES,
    RECENT_SECONDS,
    STALE_SECONDS,
    Absence,
    Parameters,
)
from connector.storage.secrets import VISIBLE_WITHIN, Secrets, WebhookSecrets
from connector.tenancy import Tenant

TENANT = Tenant("sub_1", "agent_1")


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Ssm:
    """An SSM that counts, and that can be told to refuse."""

    def __init__(self, **values):
        self.values = dict(values)
        self.refusal = None
        self.reads = []

    def get_parameter(self, *, Name, WithDecryption):  # noqa: N803
        assert WithDecryption
        self.reads.append(Name)
        if self.refusal:
            raise self.refusal
        if Name not in self.values:
            raise _refusal("ParameterNotFound")
        return {"Parameter": {"Value": self.values[Name], "LastModifiedDate": 0}}

    def get_parameters_by_path(self, *, Path, WithDecryption, NextToken=None):  # noqa: N803
        """Answer one parameter a page, after an empty first page, as SSM may."""
        assert WithDecryption
        self.reads.append(f"{Path}/")
        if self.refusal:
            raise self.refusal
        names = [name for name in self.values if name.startswith(f"{Path}/")]
        if NextToken is None:
            return {"Parameters": [], "NextToken": "0"} if names else {"Parameters": []}
        number = int(NextToken)
        page = [{"Value": self.values[names[number]], "LastModifiedDate": number}]
        more = {"NextToken": str(number + 1)} if number + 1 < len(names) else {}
        return {"Parameters": page} | more


def _refusal(code):
    return ClientError({"Error": {"Code": code, "Message": "…"}}, "GetParameter")


THROTTLED = [_refusal("ThrottlingException"), _refusal("InternalServerError"), ConnectTimeoutError(endpoint_url="ssm")]
DENIED = [_refusal("AccessDeniedException"), _refusal("InvalidKeyId"), _refusal("KMSAccessDeniedException")]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ssm():
    return Ssm(**{"/p/a": "one"})


@pytest.fixture
def store(ssm, clock):
    return Parameters(ssm, "/p", clock=clock)


def test_a_value_is_read_once_while_it_is_fresh(store, ssm, clock):
    assert store.get("a") == "one"
    clock.now += FRESH_SECONDS - 1
    ssm.values["/p/a"] = "two"
    assert store.get("a") == "one"
    assert len(ssm.reads) == 1


def test_f9_a_value_is_read_again_when_it_is_no_longer_fresh(store, ssm, clock):
    store.get("a")
    clock.now += FRESH_SECONDS
    ssm.values["/p/a"] = "two"
    assert store.get("a") == "two"


def test_a_miss_is_remembered_for_a_shorter_time(store, ssm, clock):
    assert store.get("b") is None
    clock.now += MISS_SECONDS - 1
    assert store.get("b") is None
    assert len(ssm.reads) == 1
    clock.now += 1
    ssm.values["/p/b"] = "now there"
    assert store.get("b") == "now there"


@pytest.mark.parametrize("refusal", THROTTLED, ids=str)
def test_a27_g1_a_throttled_read_serves_what_is_cached_until_that_is_too_old(store, ssm, clock, refusal):
    store.get("a")
    ssm.refusal = refusal
    clock.now += STALE_SECONDS - 1
    assert store.get("a") == "one"
    clock.now += 1
    with pytest.raises(Unavailable):
        store.get("a")


@pytest.mark.parametrize("refusal", THROTTLED, ids=str)
def test_a27_g1_a_throttled_read_of_what_is_not_cached_is_unavailable_and_not_a_miss(store, ssm, refusal):
    """Otherwise a throttle would say "not connected"."""
    ssm.refusal = refusal
    with pytest.raises(Unavailable):
        store.get("a")
    ssm.refusal = None
    assert store.get("a") == "one"


@pytest.mark.parametrize("refusal", THROTTLED, ids=str)
def test_g1_a_throttled_read_after_a_miss_is_unavailable(store, ssm, clock, refusal):
    store.get("b")
    clock.now += MISS_SECONDS
    ssm.refusal = refusal
    with pytest.raises(Unavailable):
        store.get("b")


def test_a_miss_that_is_normal_is_cached_like_a_value(store, ssm, clock):
    assert store.get("b", absence=Absence.NORMAL) is None
    ssm.values["/p/b"] = "now there"
    clock.now += FRESH_SECONDS - 1
    assert store.get("b", absence=Absence.NORMAL) is None
    assert len(ssm.reads) == 1
    clock.now += 1
    assert store.get("b", absence=Absence.NORMAL) == "now there"


@pytest.mark.parametrize("refusal", THROTTLED, ids=str)
def test_a_throttled_read_serves_a_miss_that_is_normal(store, ssm, clock, refusal):
    store.get("b", absence=Absence.NORMAL)
    ssm.refusal = refusal
    clock.now += STALE_SECONDS - 1
    assert store.get("b", absence=Absence.NORMAL) is None
    for absence in (Absence.FAULT, Absence.DOUBTFUL):
        with pytest.raises(Unavailable):
            store.get("b", absence=absence)
    clock.now += 1
    with pytest.raises(Unavailable):
        store.get("b", absence=Absence.NORMAL)


@pytest.mark.parametrize("refusal", DENIED, ids=str)
def test_g3_a_denied_read_serves_nothing_cached(store, ssm, clock, refusal):
    store.get("a")
    ssm.refusal = refusal
    clock.now += FRESH_SECONDS
    with pytest.raises(Misconfigured):
        store.get("a")


@pytest.mark.parametrize("refusal", DENIED, ids=str)
def test_g3_a_value_that_was_denied_is_not_served_when_the_next_read_is_throttled(store, ssm, clock, refusal):
    """A right that was withdrawn must not come back through the cache."""
    store.get("a")
    clock.now += FRESH_SECONDS
    ssm.refusal = refusal
    with pytest.raises(Misconfigured):
        store.get("a")
    ssm.refusal = THROTTLED[0]
    with pytest.raises(Unavailable):
        store.get("a")


def test_g2_a_deleted_parameter_is_gone_and_stays_gone_when_ssm_is_throttled(store, ssm, clock):
    store.get("a")
    clock.now += FRESH_SECONDS
    del ssm.values["/p/a"]
    assert store.get("a") is None
    clock.now += MISS_SECONDS
    ssm.refusal = THROTTLED[0]
    with pytest.raises(Unavailable):
        store.get("a")


def test_the_cache_holds_the_names_used_last(ssm, clock):
    ssm.values = {f"/p/{number}": str(number) for number in range(CAPACITY + 1)}
    store = Parameters(ssm, "/p", clock=clock)
    for number in range(CAPACITY):
        store.get(str(number))
    store.get("0")
    store.get(str(CAPACITY))
    ssm.reads.clear()
    store.get("0")
    store.get("1")
    assert ssm.reads == ["/p/1"], "the name used longest ago makes room, and only it"


def test_unknown_names_are_read_a_few_times_a_second_and_no_more(ssm, clock):
    """Forged posts to random paths must not spend SSM's 40 reads a second."""
    store = Parameters(ssm, "/p", clock=clock)
    for number in range(100):
        assert _values(store.below(f"forged-{number}")) == ()
    assert len([path for path in ssm.reads if path.endswith("/")]) == parameters.UNKNOWN_READS_PER_SECOND
    clock.now += 1
    assert _values(store.below("a")) == ("one",), "the next second, a new connection is found"


def test_a_known_name_is_read_whatever_strangers_do(store, ssm, clock):
    store.below("a")
    for number in range(100):
        store.below(f"forged-{number}")
    clock.now += FRESH_SECONDS
    for number in range(100):
        store.below(f"forged-again-{number}")
    ssm.values["/p/a"] = "two"
    assert _values(store.below("a")) == ("two",)


def test_a_name_that_was_not_asked_for_is_not_remembered_as_a_miss(ssm, clock):
    store = Parameters(ssm, "/p", clock=clock)
    for number in range(100):
        store.below(f"forged-{number}")
    assert _values(store.below("a")) == ()
    clock.now += 1
    assert _values(store.below("a")) == ("one",)


def test_misses_that_have_expired_are_bounded_like_names_never_seen(ssm, clock):
    """Else a stranger makes misses slowly, and has them all read again at once."""
    store = Parameters(ssm, "/p", clock=clock)
    for number in range(100):
        store.below(f"forged-{number}")
        clock.now += 0.25
    clock.now += MISS_SECONDS
    ssm.reads.clear()
    for number in range(100):
        store.below(f"forged-{number}")
    assert len([path for path in ssm.reads if path.endswith("/")]) <= parameters.UNKNOWN_READS_PER_SECOND


def test_all_pages_of_the_parameters_below_a_name_are_read(store, ssm):
    ssm.values |= {"/p/a/1": "older", "/p/a/2": "newer"}
    assert _values(store.below("a")) == ("newer", "older")


@pytest.mark.parametrize("before", [{}, {"/p/b/1": "old"}], ids=["a-miss", "a-value"])
def test_cached_values_count_as_recent_for_two_seconds(store, ssm, clock, before):
    ssm.values |= before
    known = store.below("b")
    ssm.values["/p/b/2"] = "new"
    assert store.below("b", recent=True) == known
    clock.now += RECENT_SECONDS
    assert store.below("b") == known
    assert store.below("b", recent=True)[0].value == "new"


def test_recent_reads_of_a_known_name_are_bounded_and_serve_what_is_cached(store, ssm, clock):
    store.below("a")
    clock.now += RECENT_SECONDS
    for number in range(100):
        store.below(f"forged-{number}")
    ssm.values["/p/a"] = "two"
    assert _values(store.below("a", recent=True)) == ("one",)
    clock.now += 1
    assert _values(store.below("a", recent=True)) == ("two",)


def test_versions_are_values_of_their_own(aws):
    store = Parameters(aws.ssm, "/p")
    first = store.put("token", "one", key_id="alias/k")
    second = store.put("token", "two", key_id="alias/k")
    assert (first, second) == (1, 2)
    assert [store.get(f"token:{version}") for version in (1, 2, 3)] == ["one", "two", None]
    assert store.get("token") == "two"


def test_what_was_put_or_deleted_is_seen_at_once(aws):
    store = Parameters(aws.ssm, "/p")
    assert store.get("a") is None
    store.put("a", "one", key_id="alias/k")
    assert store.get("a") == "one"
    store.put("a", "two", key_id="alias/k")
    assert store.get("a") == "two"
    store.delete("a", "never there")
    assert store.get("a") is None


@pytest.mark.parametrize("value", ["x" * (MOST_BYTES + 1), "é" * (MOST_BYTES // 2 + 1)], ids=["letters", "bytes"])
def test_g6_a_value_longer_than_ssm_takes_is_refused_by_name_without_quoting_it(aws, value):
    store = Parameters(aws.ssm, "/p")
    with pytest.raises(Misconfigured) as refusal:
        store.put("a", value, key_id="alias/k")
    assert "The SSM parameter a cannot hold" in refusal.value.message
    assert "xx" not in refusal.value.message
    assert store.get("a") is None
    assert store.put("a", "x" * MOST_BYTES, key_id="alias/k") == 1


def test_threads_that_share_the_cache_do_not_trip_over_each_other(ssm, clock, race):
    ssm.values = {f"/p/{number}": str(number) for number in range(4 * CAPACITY)}
    store = Parameters(ssm, "/p", clock=clock)

    def read(_):
        return [store.get(str(number)) for number in range(4 * CAPACITY)] and [store.get("0") for _ in range(100)]

    assert race(8, read) == [["0"] * 100] * 8
    assert len(store._cache) <= CAPACITY


def test_what_is_put_is_a_secure_string_under_the_given_key(aws):
    Parameters(aws.ssm, "/p").put("a", "one", key_id="alias/k")
    (told,) = aws.ssm.describe_parameters()["Parameters"]
    assert (told["Name"], told["Type"], told["KeyId"]) == ("/p/a", "SecureString", "alias/k")


# ── secrets, by what they are for


@pytest.fixture
def secrets(aws):
    return Secrets(Parameters(aws.ssm, "/p"))


def _values(found):
    return tuple(one.value for one in found)


def _connection(*, version=1, generation=1, secrets_id="", stored_at=None, status=ConnectionStatus.CONNECTED):
    account = Account("17841400000000001", None, "acme", None)
    longer_ago = datetime.now(UTC) - VISIBLE_WITHIN
    return Connection(
        *(TENANT, account, "agent_r", status, generation, version, longer_ago, None, None),
        secrets_id=secrets_id,
        token_stored_at=stored_at,
    )


OWN = ConnectionSecrets("v")


def _put(secrets, *, token="EAA1", secrets_id="a1", own=OWN):
    """Put a connection's secrets, and return the connection."""
    secrets.put_webhook(TENANT, secrets_id, own, key_id="alias/k")
    version = secrets.put_access_token(TENANT, secrets_id, AccessToken(token, "its proof"), key_id="alias/k")
    return _connection(version=version, secrets_id=secrets_id)


def test_a_connections_secrets_are_read_as_they_were_put(secrets):
    own = ConnectionSecrets("v", "its own", "the one before", datetime.now(UTC) + PREVIOUS_LIVES)
    connection = _put(secrets, own=own)
    assert secrets.of_connection(connection) == own
    assert secrets.access_token(connection) == AccessToken("EAA1", "its proof")
    assert secrets.webhook(TENANT) == WebhookSecrets(("v",), ("its own", "the one before"))


def test_what_an_older_version_stored_is_still_read(secrets, aws):
    for name, value in {"access-token": "EAA1", "webhook": '{"verifyToken": "v", "appSecret": "its own"}'}.items():
        aws.ssm.put_parameter(Name=f"/p/connections/{TENANT}/{name}", Value=value, Type="SecureString")
    assert secrets.access_token(_connection()) == AccessToken("EAA1")
    assert secrets.webhook(TENANT) == WebhookSecrets(("v",), ("its own",))
    assert secrets.of_connection(_connection()) == ConnectionSecrets("v", "its own")


def test_g7_a_token_of_an_older_version_is_cached_by_generation(secrets, aws):
    """SSM starts again at version 1 when a name is deleted and used again, as older versions of this software did."""
    for generation, token in ((1, "EAA1"), (3, "EAA2")):
        aws.ssm.put_parameter(Name=f"/p/connections/{TENANT}/access-token", Value=token, Type="SecureString")
        assert secrets.access_token(_connection(generation=generation)).value == token
        aws.ssm.delete_parameter(Name=f"/p/connections/{TENANT}/access-token")


def test_g7_another_environment_that_cached_the_old_token_reads_the_new_one_by_its_version(secrets, aws):
    elsewhere = Secrets(Parameters(aws.ssm, "/p"))
    assert elsewhere.access_token(_put(secrets)).value == "EAA1"
    assert elsewhere.access_token(_put(secrets, token="EAA2")).value == "EAA2"


def test_a_token_missing_just_after_its_write_is_later_then_gone(aws):
    stored_at = datetime.now(UTC)
    moment = stored_at
    secrets = Secrets(Parameters(aws.ssm, "/p"), lambda: moment)
    connection = _connection(secrets_id="a1", version=2, stored_at=stored_at)
    with pytest.raises(TryLater):
        secrets.access_token(connection)
    aws.ssm.put_parameter(Name=f"/p/connections/{TENANT}/access-token/a1", Value="EAA1", Type="SecureString")
    with pytest.raises(TryLater):  # the version is missing
        secrets.access_token(connection)
    moment += VISIBLE_WITHIN
    with pytest.raises(ReconnectNeeded):
        secrets.access_token(connection)


def test_a_missing_token_is_read_again_at_the_next_call(aws):
    secrets = Secrets(Parameters(aws.ssm, "/p"))
    connection = _connection(secrets_id="a1", stored_at=datetime.now(UTC))
    with pytest.raises(TryLater):
        secrets.access_token(connection)
    _put(secrets)
    assert secrets.access_token(connection).value == "EAA1"


def test_a_deleted_token_of_an_ended_connection_needs_its_owner(secrets):
    ended = _connection(secrets_id="a1", stored_at=datetime.now(UTC), status=ConnectionStatus.DISCONNECTED)
    with pytest.raises(ReconnectNeeded):
        secrets.access_token(ended)


def test_both_sets_of_webhook_secrets_are_accepted_for_an_hour(aws):
    """Longer than any connect takes. The older set stays only where its deletion fails."""
    moment = datetime.now(UTC)
    secrets = Secrets(Parameters(aws.ssm, "/p"), lambda: moment)
    _put(secrets, secrets_id="a1", own=ConnectionSecrets("old", "old secret"))
    _put(secrets, secrets_id="b2", own=ConnectionSecrets("new", "new secret"))
    both = WebhookSecrets(("new", "old"), ("new secret", "old secret"))
    moment += PREVIOUS_LIVES - timedelta(minutes=1)
    assert secrets.webhook(TENANT) == both
    moment += timedelta(minutes=2)
    assert secrets.webhook(TENANT) == WebhookSecrets(("new",), ("new secret",))


def test_deleting_a_token_leaves_what_the_webhook_needs(secrets):
    connection = _put(secrets)
    secrets.delete_access_token(TENANT, "a1")
    secrets.delete_access_token(TENANT, "a1")
    with pytest.raises(ReconnectNeeded):
        secrets.access_token(replace(connection, generation=2))
    assert secrets.webhook(TENANT) is not None


def test_secrets_that_were_deleted_are_gone_and_deleting_them_twice_is_a_success(secrets):
    ids = [f"id{number}" for number in range(12)]  # SSM deletes ten names at a time
    for secrets_id in ids:
        _put(secrets, secrets_id=secrets_id)
    secrets.delete(TENANT, *ids)
    secrets.delete(TENANT, *ids)
    assert secrets.webhook(TENANT) is None
    with pytest.raises(ReconnectNeeded):
        secrets.access_token(_connection(secrets_id="id11"))


def test_a_subaccounts_own_retell_key_comes_before_the_deployments(secrets, aws):
    with pytest.raises(Misconfigured):
        secrets.retell_api_key("sub_1")
    put = {"Type": "SecureString", "Overwrite": True}
    aws.ssm.put_parameter(Name="/p/retell-api-key", Value="everybody's", **put)
    aws.ssm.put_parameter(Name="/p/subaccounts/sub_1/retell-api-key", Value="its own", **put)
    fresh = Secrets(Parameters(aws.ssm, "/p"))
    assert fresh.retell_api_key("sub_1") == "its own"
    assert fresh.retell_api_key("sub_2") == "everybody's"
    assert [fresh.has_own_retell_key(subaccount) for subaccount in ("sub_1", "sub_2")] == [True, False]


@pytest.mark.parametrize("value", ["not json", "[]", "5", "null", '"x"'])
@pytest.mark.parametrize("name", ["app-secrets", "jwt"])
def test_a_secret_of_another_form_is_misconfigured_and_is_not_quoted(aws, name, value):
    aws.ssm.put_parameter(Name=f"/p/{name}", Value=f"{value}", Type="SecureString")
    secrets = Secrets(Parameters(aws.ssm, "/p"))
    with pytest.raises(Misconfigured) as refusal:
        secrets.jwt() if name == "jwt" else secrets.app()
    assert name in refusal.value.message
    assert "not json" not in refusal.value.message


def test_no_secret_is_shown_by_repr(secrets, aws):
    _put(secrets, own=(own := ConnectionSecrets("hush", "hush", "hush", datetime.now(UTC))))
    aws.ssm.put_parameter(Name="/p/jwt", Value=json.dumps({"keys": ["hush" * 8]}), Type="SecureString")
    assert "hush" not in f"{secrets.webhook(TENANT)!r} {secrets.jwt()!r} {own!r}"
