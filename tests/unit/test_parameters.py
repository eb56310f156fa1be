"""SSM parameters through a cache that stays true: `storage.parameters` and `storage.secrets`."""

import json

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from connector.accounts import AccessToken
from connector.errors import Misconfigured, Unavailable
from connector.storage import parameters
from connector.storage.parameters import CAPACITY, FRESH_SECONDS, MISS_SECONDS, MOST_BYTES, STALE_SECONDS, Parameters
from connector.storage.secrets import Secrets, WebhookSecrets
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
        return {"Parameter": {"Value": self.values[Name]}}


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
        assert store.get(f"forged-{number}", bounded=True) is None
    assert len(ssm.reads) == parameters.UNKNOWN_READS_PER_SECOND
    clock.now += 1
    assert store.get("a", bounded=True) == "one", "the next second, a new connection is found"


def test_a_known_name_is_read_whatever_strangers_do(store, ssm, clock):
    store.get("a", bounded=True)
    for number in range(100):
        store.get(f"forged-{number}", bounded=True)
    clock.now += FRESH_SECONDS
    for number in range(100):
        store.get(f"forged-again-{number}", bounded=True)
    ssm.values["/p/a"] = "two"
    assert store.get("a", bounded=True) == "two"


def test_a_name_that_was_not_asked_for_is_not_remembered_as_a_miss(ssm, clock):
    store = Parameters(ssm, "/p", clock=clock)
    for number in range(100):
        store.get(f"forged-{number}", bounded=True)
    assert store.get("a", bounded=True) is None
    clock.now += 1
    assert store.get("a", bounded=True) == "one"


def test_misses_that_have_expired_are_bounded_like_names_never_seen(ssm, clock):
    """Else a stranger makes misses slowly, and has them all read again at once."""
    store = Parameters(ssm, "/p", clock=clock)
    for number in range(100):
        store.get(f"forged-{number}", bounded=True)
        clock.now += 0.25
    clock.now += MISS_SECONDS
    ssm.reads.clear()
    for number in range(100):
        store.get(f"forged-{number}", bounded=True)
    assert len(ssm.reads) <= parameters.UNKNOWN_READS_PER_SECOND


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


def _put(secrets, **overrides):
    """Put a connection's secrets, and return the version of its token."""
    wish = {"token": AccessToken("EAA1"), "webhook": WebhookSecrets("v", ())} | overrides
    secrets.put_webhook(TENANT, wish["webhook"], key_id="alias/k")
    return secrets.put_access_token(TENANT, wish["token"], key_id="alias/k")


def test_a_connections_secrets_are_read_as_they_were_put(secrets):
    token, webhook = AccessToken("EAA1", "its proof"), WebhookSecrets("v", ("its own", "the one before"))
    version = _put(secrets, token=token, webhook=webhook)
    assert secrets.access_token(TENANT, version=version, generation=1) == token
    assert secrets.webhook(TENANT) == webhook


def test_what_an_older_version_stored_is_still_read(secrets, aws):
    for name, value in {"access-token": "EAA1", "webhook": '{"verifyToken": "v", "appSecret": "its own"}'}.items():
        aws.ssm.put_parameter(Name=f"/p/connections/{TENANT}/{name}", Value=value, Type="SecureString")
    assert secrets.access_token(TENANT, version=1, generation=1) == AccessToken("EAA1")
    assert secrets.webhook(TENANT) == WebhookSecrets("v", ("its own",))


def test_g7_a_token_that_was_deleted_and_made_again_is_not_mistaken_for_the_first(secrets):
    """SSM starts again at version 1."""
    assert _put(secrets) == 1
    assert secrets.access_token(TENANT, version=1, generation=1) == AccessToken("EAA1")
    secrets.delete_connection(TENANT)
    assert _put(secrets, token=AccessToken("EAA2")) == 1
    assert secrets.access_token(TENANT, version=1, generation=3) == AccessToken("EAA2")


def test_g7_another_environment_that_cached_the_old_token_reads_the_new_one_by_its_version(secrets, aws):
    elsewhere = Secrets(Parameters(aws.ssm, "/p"))
    first = _put(secrets)
    assert elsewhere.access_token(TENANT, version=first, generation=1) == AccessToken("EAA1")
    second = _put(secrets, token=AccessToken("EAA2"))
    assert elsewhere.access_token(TENANT, version=second, generation=2) == AccessToken("EAA2")


def test_deleting_a_token_leaves_what_the_webhook_needs(secrets):
    version = _put(secrets)
    secrets.delete_access_token(TENANT)
    secrets.delete_access_token(TENANT)
    assert secrets.access_token(TENANT, version=version, generation=1) is None
    assert secrets.webhook(TENANT) is not None


def test_secrets_that_were_deleted_are_gone_and_deleting_them_twice_is_a_success(secrets):
    version = _put(secrets)
    secrets.delete_connection(TENANT)
    secrets.delete_connection(TENANT)
    assert secrets.webhook(TENANT) is None
    assert secrets.access_token(TENANT, version=version, generation=1) is None


def test_a_subaccounts_own_retell_key_comes_before_the_deployments(secrets, aws):
    with pytest.raises(Misconfigured):
        secrets.retell_api_key("sub_1")
    put = {"Type": "SecureString", "Overwrite": True}
    aws.ssm.put_parameter(Name="/p/retell-api-key", Value="everybody's", **put)
    aws.ssm.put_parameter(Name="/p/subaccounts/sub_1/retell-api-key", Value="its own", **put)
    fresh = Secrets(Parameters(aws.ssm, "/p"))
    assert fresh.retell_api_key("sub_1") == "its own"
    assert fresh.retell_api_key("sub_2") == "everybody's"


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
    _put(secrets, app_secret="hush", verify_token="hush")
    aws.ssm.put_parameter(Name="/p/jwt", Value=json.dumps({"keys": ["hush"]}), Type="SecureString")
    assert "hush" not in f"{secrets.webhook(TENANT)!r} {secrets.jwt()!r}"
