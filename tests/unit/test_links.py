"""The links that lead a customer to an account: `instagram.links`."""

import io
from base64 import b64decode

import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from connector.errors import InvalidRequest
from connector.instagram.links import MOST_QR_CHARACTERS, direct_message_url, profile_url, qr_code_data_url

_START = "data:image/png;base64,"


def _decoded(data_url):
    assert data_url.startswith(_START)
    with Image.open(io.BytesIO(b64decode(data_url.removeprefix(_START), validate=True))) as image:
        assert image.format == "PNG"
        found = zxingcpp.read_barcodes(image.convert("L"), zxingcpp.BarcodeFormat.QRCode)
    return [one.text for one in found]


@pytest.mark.parametrize(
    ("username", "url"),
    [
        ("acme", "https://www.instagram.com/acme/"),
        ("a.b_c1", "https://www.instagram.com/a.b_c1/"),
        ("../evil?x=1#y", "https://www.instagram.com/..%2Fevil%3Fx%3D1%23y/"),
        ("é", "https://www.instagram.com/%C3%A9/"),
    ],
)
def test_a_profile_has_its_address_and_a_username_cannot_change_where_it_leads(username, url):
    assert profile_url(username) == url


@settings(max_examples=15)
@given(st.from_regex(r"[a-z0-9._]{1,30}", fullmatch=True))
def test_h15_the_qr_code_of_an_account_reads_as_its_address(username):
    url = profile_url(username)
    assert _decoded(qr_code_data_url(url)) == [url]


def test_a_qr_code_has_the_quiet_border_that_readers_need():
    data_url = qr_code_data_url(profile_url("acme"))
    with Image.open(io.BytesIO(b64decode(data_url.removeprefix(_START)))) as image:
        grey = image.convert("L")
        border = 4 * 8
        edges = [grey.crop((0, 0, grey.width, border)), grey.crop((0, 0, border, grey.height))]
    assert all(edge.getextrema() == (255, 255) for edge in edges)
    assert len(data_url) < 20_000, "it travels in every answer of status"


@pytest.mark.parametrize(
    ("username", "ref", "url"),
    [
        ("acme", None, "https://ig.me/m/acme"),
        ("acme", "", "https://ig.me/m/acme"),
        ("a.b_c1", "spring-26_a=", "https://ig.me/m/a.b_c1?ref=spring-26_a="),
        ("../evil?x=1#y", "a&b#c", "https://ig.me/m/..%2Fevil%3Fx%3D1%23y?ref=a%26b%23c"),
    ],
)
def test_a_direct_message_link_bears_its_ref_and_neither_can_change_where_it_leads(username, ref, url):
    assert direct_message_url(username, ref) == url


def test_h15_the_longest_link_that_is_taken_can_be_read_and_a_longer_one_is_refused():
    link = direct_message_url("acme", "x" * (MOST_QR_CHARACTERS - len(direct_message_url("acme", "x")) + 1))
    assert len(link) == MOST_QR_CHARACTERS
    assert _decoded(qr_code_data_url(link)) == [link]
    with pytest.raises(InvalidRequest):
        qr_code_data_url(link + "x")
