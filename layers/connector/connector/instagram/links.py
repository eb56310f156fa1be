"""The links that lead a customer to an account, and their QR codes."""

import io
from base64 import b64encode
from urllib.parse import quote


def profile_url(username: str) -> str:
    """Return the address of an account's profile."""
    return f"https://www.instagram.com/{quote(username, safe='._')}/"


def qr_code_data_url(link: str) -> str:
    """Return a PNG of a QR code for `link`, as a data URL that an <img> shows."""
    import qrcode  # not every answer shows a code
    from qrcode.image.pure import PyPNGImage

    code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_M, box_size=8, border=4)
    code.add_data(link)
    png = io.BytesIO()
    code.make_image(image_factory=PyPNGImage).save(png)
    return f"data:image/png;base64,{b64encode(png.getvalue()).decode('ascii')}"
