"""What browsers are told after a login: pages that hold nothing of the address, and the way back."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from connector import browser
from connector.accounts import Account, Connection, ConnectionStatus, Login
from connector.errors import AccountInUse, ConnectorError, LoginFailed, TryLater
from connector.lifecycle.login import Ended, Offer
from connector.logins import PendingLogin
from connector.storage.documents import now
from connector.tenancy import Tenant
from tests.unit.payloads import http_event

EVIL = "<script>alert(1)</script>\"'&"


class Page(HTMLParser):
    """The tags, links and words of a page."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.links, self.words = [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name == "href"]

    def handle_data(self, data):
        self.words += data


def connection(username="acme"):
    account = Account("17841400000000001", None, username, None)
    status = ConnectionStatus.CONNECTED
    return Connection(Tenant("sub_1", "agent_1"), account, "agent_1", status, 1, 1, now(), None, None)


def test_the_page_says_that_an_account_was_taken_over():
    for took_over in (False, True):
        page = Page(browser.tell(Ended(None, replace(connection(), took_over=took_over)), "acme")["body"])
        assert ("Another workspace had it" in page.words) is took_over


@pytest.mark.parametrize(
    ("back", "expected"),
    [
        ("https://app.example.com", "https://app.example.com?{}#"),
        ("https://app.example.com/", "https://app.example.com/?{}#"),
        ("https://app.example.com/a?tab=2&x=%2F", "https://app.example.com/a?tab=2&x=%2F&{}#"),
        ("https://app.example.com/#/settings", "https://app.example.com/?{}#/settings"),
        ("https://app.example.com/a?tab=2#b", "https://app.example.com/a?tab=2&{}#b"),
    ],
)
def test_the_way_back_is_the_address_that_was_asked_for_and_how_it_ended(back, expected):
    for ended, told in (
        (Ended(back, connection()), "instagram=connected"),
        (Ended(back, error=AccountInUse()), "instagram=failed&code=account_in_use"),
        (Ended(back, error=LoginFailed("login_denied", EVIL)), "instagram=failed&code=login_denied"),
    ):
        answer = browser.tell(ended, "Example")
        assert (answer["statusCode"], answer["headers"]["Location"]) == (303, expected.format(told))
        assert "body" not in answer


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
@pytest.mark.parametrize(
    ("ended", "status", "words"),
    [
        (Ended(None, connection()), 200, "acme"),
        (Ended(None, error=AccountInUse()), 409, "already connected to another"),
        (Ended(None, error=LoginFailed("login_over", "Start again.")), 400, "Start again."),
        (Ended(None, error=TryLater("Meta cannot be reached.")), 503, "Meta cannot be reached."),
        (Ended(None, error=ConnectorError("a secret of ours")), 500, "on our side"),
    ],
)
def test_without_a_way_back_a_page_says_what_happened(ended, status, words):
    answer = browser.entry(lambda _: ended)(http_event("GET", "/api/instagram/oauth/callback"), Context())
    assert answer["statusCode"] == status
    assert answer["headers"]["Content-Type"] == "text/html; charset=utf-8"
    assert words in Page(answer["body"]).words
    assert "a secret of ours" not in answer["body"]


def offer(*usernames, back=None, agent="agent_1"):
    pending = PendingLogin(Tenant("sub_1", "agent_1"), Login.FACEBOOK, "https://x/", agent, back)
    return Ended(back, offer=Offer(pending, tuple((str(n), one) for n, one in enumerate(usernames)), "s", "t"))


def test_of_several_accounts_each_has_a_button_wherever_the_way_leads_back():
    for back in (None, "https://app.example.com/"):
        answer = browser.tell(offer("acme", EVIL, back=back), "Example")
        page = Page(answer["body"])
        assert answer["statusCode"] == 200
        assert page.tags.count("button") == 3
        assert "Connect @acme" in page.words
        assert EVIL in page.words


def test_an_agent_of_another_id_at_retell_is_named_too():
    words = Page(browser.tell(offer("acme", agent="agent_x"), "Example")["body"]).words
    assert "Connect @acme to the agent agent_1 (agent_x) of Example (subaccount sub_1)?" in words


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
@pytest.mark.parametrize(
    "ended",
    [
        Ended(None, connection(EVIL)),
        Ended(None, error=LoginFailed("x", EVIL)),
        offer(EVIL),
        offer(EVIL, EVIL),
    ],
)
def test_h12_nothing_that_others_wrote_becomes_more_than_words(ended):
    body = browser.entry(lambda _: ended)(http_event("GET", "/api/instagram/oauth/callback"), Context())["body"]
    assert "<script" not in body
    assert {*Page(body).tags} <= {"html", "meta", "title", "style", "h1", "p", "form", "input", "button", "code"}


def test_nothing_of_the_address_is_kept_or_passed_on():
    for ended in (
        Ended("https://app.example.com/", connection()),
        Ended(None, connection()),
        offer("a"),
    ):
        headers = browser.tell(ended, "Example")["headers"]
        assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "no-referrer")
        if "Location" not in headers:
            assert headers["Content-Security-Policy"].startswith("default-src 'none'; ")
            assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
            assert headers["X-Content-Type-Options"] == "nosniff"


class Context:
    """What the logger wants of Lambda."""

    function_name = memory_limit_in_mb = invoked_function_arn = aws_request_id = "x"


@pytest.mark.filterwarnings("ignore:No application metrics to publish")
@pytest.mark.parametrize(
    ("error", "status"), [(LoginFailed("login_over", "Start again."), 400), (ValueError("AQB-code"), 500)]
)
def test_whatever_is_raised_becomes_a_page(capsys, error, status):
    def act(_):
        raise error

    answer = browser.entry(act)(http_event("GET", "/api/instagram/oauth/callback"), Context())
    assert answer["statusCode"] == status
    assert answer["headers"]["Content-Type"].startswith("text/html")
    assert "AQB-code" not in answer["body"] + capsys.readouterr().out
