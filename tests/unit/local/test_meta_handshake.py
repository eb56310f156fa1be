"""Entering a callback URL."""

import pytest

from tests.unit.local.meta_client import MetaClient
from tests.unit.local.receiver import VERIFY_TOKEN, Receiver


def test_a_callback_that_answers_the_bare_challenge_is_kept(meta: MetaClient, receiver_url: str):
    answer = meta.set_callback(receiver_url)
    assert answer["verified"] is True
    assert answer["status"] == 200
    assert meta.control("GET", "/state")["callback"] == {"url": f"{receiver_url}/webhook"}


@pytest.mark.parametrize("wrap", ['"{}"', "{}\n", '{{"challenge":{}}}'])
def test_a_challenge_with_anything_around_it_is_refused(
    meta: MetaClient, receiver: Receiver, receiver_url: str, wrap: str
):
    receiver.challenge_answer = lambda challenge: (wrap.format(challenge), 200)
    assert meta.set_callback(receiver_url)["verified"] is False
    assert meta.control("GET", "/state")["callback"] is None


def test_a_wrong_token_is_refused_with_the_status_and_body_of_the_callback(meta: MetaClient, receiver_url: str):
    body = {"url": f"{receiver_url}/webhook", "verifyToken": f"not {VERIFY_TOKEN}"}
    answer = meta.control("POST", "/callback", body)
    assert answer == {"verified": False, "status": 403, "body": "wrong token"}


def test_a_callback_that_is_not_there_is_refused(meta: MetaClient):
    answer = meta.control("POST", "/callback", {"url": "http://127.0.0.1:9/x", "verifyToken": "t"})
    assert (answer["verified"], answer["status"]) == (False, None)


def test_the_query_of_the_callback_url_is_kept(meta: MetaClient, receiver_url: str):
    body = {"url": f"{receiver_url}/webhook?tenant=a", "verifyToken": VERIFY_TOKEN}
    assert meta.control("POST", "/callback", body)["verified"] is True
