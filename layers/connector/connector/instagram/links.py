"""The links that lead a customer to an account, and their QR codes."""

import io
from base64 import b64encode
from urllib.parse import quote

from connector.errors import InvalidRequest

MOST_QR_CHARACTERS = 1000
"""Of a link in a QR code: what is denser, phones do not read off a poster."""

MOST_REF_CHARACTERS = MOST_QR_CHARACTERS - len("https://ig.me/m/?ref=") - 30
"""Of what comes back as a referral: there is room for the longest username. (Meta would take 2083.)"""


def profile_url(username: str) -> str:
    """Return the address of an account's profile."""
    return f"https://www.instagram.com/{quote(username, safe='._')}/"


def direct_message_url(username: str, ref: str | None = None) -> str:
    """Return the address that opens a conversation with an account in the Instagram app.

    `ref` comes back as a referral (Meta, "ig.me links": letters, digits, `_`, `-` and `=`).
    """
    return f"https://ig.me/m/{quote(username, safe='._')}" + (f"?ref={quote(ref, safe='=')}" if ref else "")


def qr_code_data_url(link: str) -> str:
    """Return a PNG of a QR code for `link`, as a data URL that an <img> shows.

    Raises:
        InvalidRequest: the link is over 1,000 characters.
    """
    if len(link) > MOST_QR_CHARACTERS:
        raise InvalidRequest(f"A link in a QR code may have at most {MOST_QR_CHARACTERS} characters. Shorten the ref.")
    import qrcode  # not every answer shows a code
    from qrcode.image.pure import PyPNGImage

    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, box_size=8, border=4)
    code.add_data(link, optimize=0)  # in one piece: of digits in a row the package makes a mode that fails for zeros
    png = io.BytesIO()
    code.make_image(image_factory=PyPNGImage).save(png)
    return f"data:image/png;base64,{b64encode(png.getvalue()).decode('ascii')}"
