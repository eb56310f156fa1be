"""`appsecret_proof` for each call: `instagram.proving`."""

import pytest

from connector.accounts import AccessToken
from connector.errors import OutsideError, Refused, TryLater, Unavailable
from connector.instagram.graph import Graph
from connector.instagram.signatures import proof_of
from tests.unit.peer import answer, peer

APP, PAGE, TOKEN = "12345", "111", "EAAtoken"
WRONG = {"error": {"message": "Invalid appsecret_proof provided in the API argument", "code": 100}}


@pytest.fixture
def meta():
    """A Meta whose app has the secret `current`."""
    with peer() as server:

        def behave(handler):
            given = server.requests[-1].query.get("appsecret_proof")
            is_right = given in (None, proof_of(TOKEN, "current"))
            answer({"message_id": "m"} if is_right else WRONG, 200 if is_right else 400)(handler)

        server.behave = behave
        yield server


def graph(meta, token, *secrets, recent=()):
    return Graph(meta.url, token, PAGE, lambda app_id, fresh: (recent if fresh else secrets) if app_id == APP else ())


def proofs(meta):
    return [request.query.get("appsecret_proof") for request in meta.requests]


OURS = AccessToken(TOKEN, app_id=APP)


def test_the_other_secret_is_tried_where_meta_refuses_the_first(meta):
    ours = graph(meta, OURS, "old", "current")
    for _ in range(2):
        ours.change("POST", (PAGE, "messages"), json={})
    assert proofs(meta) == [proof_of(TOKEN, secret) for secret in ("old", "current", "current")]


def test_the_secrets_are_read_again_where_meta_refuses_all(meta):
    graph(meta, OURS, "old", recent=("current",)).get("me", {})
    assert proofs(meta) == [proof_of(TOKEN, secret) for secret in ("old", "current")]


def test_a_proof_that_meta_refuses_is_tried_once(meta):
    with pytest.raises(Refused) as refusal:
        graph(meta, OURS, "old", "older", recent=("old", "older")).get("me", {})
    assert (refusal.value.code, len(meta.requests)) == ("app_secret_refused", 2)


def test_a_proof_stored_by_an_older_version_yields_to_the_current_secret(meta):
    token = AccessToken(TOKEN, proof_of(TOKEN, "old"), APP)
    graph(meta, token, "current").get("me", {})
    assert proofs(meta) == [proof_of(TOKEN, "current")]


@pytest.mark.parametrize("app_id", [None, "of another company"])
def test_a_token_of_the_connections_own_app_has_the_stored_proof(meta, app_id):
    own = proof_of(TOKEN, "current")
    graph(meta, AccessToken(TOKEN, own, app_id), "a secret of ours").get("me", {})
    assert proofs(meta) == [own]


def test_a_token_without_app_and_proof_is_sent_without(meta):
    graph(meta, AccessToken(TOKEN), "current").get("me", {})
    assert proofs(meta) == [None]


def test_nothing_is_called_where_the_secret_cannot_be_read(meta):
    def fail(_app_id, _recent):
        raise Unavailable("SSM")

    with pytest.raises(TryLater):
        Graph(meta.url, OURS, PAGE, fail).change("POST", (PAGE, "messages"), json={})
    assert meta.requests == []


@pytest.mark.parametrize(
    "error",
    [
        {"message": "(#10) This message is sent outside of allowed window.", "code": 10, "error_subcode": 2534022},
        {"message": "Invalid OAuth access token", "code": 190},
    ],
    ids=["window", "token"],
)
def test_no_other_refusal_is_repeated(meta, error):
    meta.behave = answer({"error": error}, 400)
    with pytest.raises(OutsideError):
        graph(meta, OURS, "current", "old").change("POST", (PAGE, "messages"), json={})
    assert len(meta.requests) == 1
