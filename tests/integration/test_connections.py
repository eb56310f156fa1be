"""Which chat agent is joined to which account: `storage.connections` on a real mongod."""

from dataclasses import replace
from datetime import timedelta

import pytest

from connector.accounts import Account, ConnectionStatus, Grant
from connector.errors import AccountInUse
from connector.storage.connections import COLLECTION, Connections
from connector.storage.documents import now
from connector.storage.index_builds import ensure_indexes
from connector.tenancy import Tenant
from tests.integration.world import START
from tests.unit.payloads import ACCOUNT, OTHER_ACCOUNT, PAGE

TENANT = Tenant("sub_1", "agent_1")
OTHER = Tenant("sub_2", "agent_1")


@pytest.fixture
def connections(database):
    made = Connections(database[COLLECTION])
    ensure_indexes(database)
    return made


def _connect(connections, tenant=TENANT, account_id=ACCOUNT, token_version=1):
    account = Account(account_id, PAGE, "acme", None)
    return connections.connect(tenant, account, retell_agent_id="agent_r", token_version=token_version)


def test_a_connection_is_read_as_it_was_made(connections):
    made = _connect(connections)
    assert made == connections.get(TENANT) == connections.of_account(ACCOUNT)
    assert (made.status, made.generation, made.retell_agent_id) == (ConnectionStatus.CONNECTED, 1, "agent_r")
    assert made.is_connected
    assert made.account == Account(ACCOUNT, PAGE, "acme", None)


def test_what_was_never_connected_is_none(connections):
    assert connections.get(TENANT) is None
    assert connections.of_account(ACCOUNT) is None
    connections.disconnect(TENANT)
    assert connections.get(TENANT) is None


def test_every_connect_and_disconnect_raises_the_generation_and_doing_nothing_does_not(connections, database):
    generations = [_connect(connections).generation, _connect(connections).generation]
    connections.disconnect(TENANT)
    generations.append(connections.get(TENANT).generation)
    database[COLLECTION].update_one({}, {"$set": {"unusedSecrets": []}})  # they have been deleted
    connections.disconnect(TENANT)
    generations.append(connections.get(TENANT).generation)
    generations.append(_connect(connections).generation)
    assert generations == [1, 2, 3, 3, 4]


def test_i1_an_account_has_one_agent(connections):
    mine = _connect(connections)
    with pytest.raises(AccountInUse):
        _connect(connections, OTHER)
    assert connections.get(OTHER) is None
    assert connections.of_account(ACCOUNT) == mine


def test_i1_an_agent_that_moves_to_an_account_in_use_keeps_the_one_it_had(connections):
    _connect(connections)
    theirs = _connect(connections, OTHER, OTHER_ACCOUNT)
    with pytest.raises(AccountInUse):
        _connect(connections, OTHER)
    assert connections.get(OTHER) == theirs


def test_i1_of_sixteen_agents_racing_for_an_account_one_gets_it(connections, race):
    results = race(16, lambda index: _connect(connections, Tenant("sub_1", f"agent_{index}")))
    assert len([one for one in results if isinstance(one, AccountInUse)]) == 15, results
    assert connections.of_account(ACCOUNT) in results


def test_i6_sixteen_connects_of_one_agent_are_all_successes_and_count_sixteen_generations(connections, race):
    results = race(16, lambda _: _connect(connections))
    assert sorted(one.generation for one in results) == list(range(1, 17)), results


def test_an_account_that_was_disconnected_is_free_for_another_agent(connections):
    _connect(connections)
    connections.disconnect(TENANT)
    assert connections.of_account(ACCOUNT) is None
    assert _connect(connections, OTHER).tenant == OTHER
    with pytest.raises(AccountInUse):
        _connect(connections)


def test_e1_a_connection_whose_token_has_died_holds_its_account_and_is_not_connected(connections):
    connections.record_error(_connect(connections), "reconnect_needed", needs_reconnection=True)
    dead = connections.of_account(ACCOUNT)
    assert dead.status is ConnectionStatus.NEEDS_RECONNECTION
    assert not dead.is_connected
    assert dead.last_error["code"] == "reconnect_needed"
    with pytest.raises(AccountInUse):
        _connect(connections, OTHER)


def test_connecting_again_clears_the_error(connections):
    connections.record_error(_connect(connections), "reconnect_needed", needs_reconnection=True)
    again = _connect(connections, token_version=2)
    assert (again.is_connected, again.last_error, again.token_version) == (True, None, 2)


def test_e1_an_error_of_an_earlier_connection_says_nothing_about_the_renewed_one(connections):
    """The worker still held the old token."""
    old = _connect(connections)
    new = _connect(connections, token_version=2)
    connections.record_error(old, "reconnect_needed", needs_reconnection=True)
    assert connections.get(TENANT) == new


def test_g7_a_token_that_died_says_nothing_about_the_one_that_was_put_in_its_place(connections):
    """The worker had read the connection before its token was renewed."""
    old = _connect(connections)
    new = connections.renew(old, Grant(), token_version=2)
    connections.record_error(old, "reconnect_needed", needs_reconnection=True)
    assert connections.get(TENANT) == new


def test_i9_a_renewed_token_leaves_the_generation_and_everything_else_as_it_was(connections):
    old = _connect(connections)
    grant = Grant(issued_at=START, expires_at=START + timedelta(days=60))
    renewed = connections.renew(old, grant, token_version=2)
    assert renewed == replace(old, token_version=2, grant=grant, token_stored_at=renewed.token_stored_at)
    assert renewed.token_stored_at >= old.token_stored_at
    assert connections.get(TENANT) == renewed


def test_i9_of_eight_who_renew_one_token_one_is_believed(connections, race):
    old = _connect(connections)
    results = race(8, lambda index: connections.renew(old, Grant(), token_version=index + 2))
    (renewed,) = [one for one in results if one is not None]
    assert connections.get(TENANT) == renewed


@pytest.mark.parametrize("what", ["disconnected", "connected again"])
def test_i9_a_token_is_not_renewed_of_a_connection_that_has_moved_on(connections, what):
    old = _connect(connections)
    connections.disconnect(TENANT) if what == "disconnected" else _connect(connections, token_version=1)
    stands = connections.get(TENANT)
    assert connections.renew(old, Grant(), token_version=2) is None
    assert connections.get(TENANT) == stands


def test_a_connection_that_needed_its_owner_and_works_again_is_as_it_was_before(connections):
    before = _connect(connections)
    connections.record_error(before, "reconnect_needed", needs_reconnection=True)
    assert connections.restore(connections.get(TENANT))
    assert connections.get(TENANT) == before


@pytest.mark.parametrize("what", ["failed again", "disconnected", "connected again", "restored already"])
def test_a_connection_is_not_restored_when_something_has_happened_to_it_since(connections, database, what):
    before = _connect(connections)
    connections.record_error(before, "reconnect_needed", needs_reconnection=True)
    looked_at = connections.get(TENANT)
    match what:
        case "failed again":
            later = Connections(database[COLLECTION], lambda: now() + timedelta(seconds=1))
            later.record_error(before, "reconnect_needed", needs_reconnection=True)
        case "disconnected":
            connections.disconnect(TENANT)
        case "connected again":
            _connect(connections, token_version=2)
        case "restored already":
            connections.restore(looked_at)
    stands = connections.get(TENANT)
    assert not connections.restore(looked_at)
    assert connections.get(TENANT) == stands


def test_an_error_does_not_wake_a_connection_that_has_ended(connections):
    old = _connect(connections)
    connections.disconnect(TENANT)
    connections.record_error(old, "reconnect_needed", needs_reconnection=True)
    assert connections.get(TENANT).status is ConnectionStatus.DISCONNECTED


# ── limits and pauses


def test_e3_a_limit_holds_for_the_account_until_the_latest_time_that_meta_named(connections):
    made = _connect(connections)
    assert made.limited_until is None
    for minutes in (10, 60, 30):
        connections.record_limit(made, START + timedelta(minutes=minutes))
    assert connections.get(TENANT).limited_until == START + timedelta(minutes=60)
    assert connections.get(TENANT).is_connected, "it is limited, not broken"


def test_e3_a_limit_of_an_earlier_connection_says_nothing_about_the_renewed_one(connections):
    old = _connect(connections)
    connections.record_limit(old, START)
    renewed = _connect(connections, token_version=2)
    assert renewed.limited_until is None
    connections.record_limit(old, START)
    assert connections.get(TENANT).limited_until is None


def test_e3_a_limit_of_one_account_is_nobody_elses(connections):
    theirs = _connect(connections, OTHER, OTHER_ACCOUNT)
    connections.record_limit(_connect(connections), START)
    assert connections.get(OTHER) == theirs


def test_a_pause_silences_the_agent_everywhere_until_it_is_over_or_taken_back(connections):
    _connect(connections)
    connections.pause(TENANT, START)
    paused = connections.get(TENANT)
    assert paused.is_paused(START - timedelta(milliseconds=1))
    assert not paused.is_paused(START)
    connections.pause(TENANT, None)
    assert not connections.get(TENANT).is_paused(START - timedelta(days=1))


def test_a_pause_is_one_tenants_and_makes_no_connection_of_nothing(connections):
    theirs = _connect(connections, OTHER)
    connections.pause(TENANT, START)
    assert connections.get(TENANT) is None
    assert connections.get(OTHER) == theirs


def test_the_last_event_is_the_latest_whatever_the_order_of_arrival(connections):
    made = _connect(connections)
    for seconds in (1, 3, 2):
        connections.record_event(made, START + timedelta(seconds=seconds))
    assert connections.get(TENANT).last_event_at == START + timedelta(seconds=3)


def test_tenants_of_one_subaccount_or_one_agent_id_are_apart(connections):
    for number, tenant in enumerate([TENANT, OTHER, Tenant("sub_1", "agent_2")]):
        _connect(connections, tenant, f"1784140000000000{number}")
    connections.disconnect(TENANT)
    assert connections.get(OTHER).is_connected
    assert connections.get(Tenant("sub_1", "agent_2")).is_connected


def test_h20_an_accounts_calls_are_counted_by_the_second_and_by_kind(connections, database, race):
    connection = _connect(connections)
    still = Connections(database[COLLECTION], lambda: START)
    assert race(16, lambda _: still.spend(connection, "text", 10)).count(True) == 10
    assert still.spend(connection, "media", 10)
    later = Connections(database[COLLECTION], lambda: START + timedelta(seconds=1))
    assert later.spend(connection, "text", 10)
