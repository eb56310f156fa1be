"""Refusals of api.instagram.com, which have an envelope of their own (Meta's page "Business Login for Instagram")."""

from local.simulators.meta.shapes import Json


class OAuthError(Exception):
    """A refused login or exchange of a code."""

    def __init__(self, text: str, code: int = 400, status: int = 400) -> None:
        super().__init__(text)
        self.text = text
        self.code = code
        self.status = status

    @property
    def body(self) -> Json:
        """The body of the refusal."""
        return {"error_type": "OAuthException", "code": self.code, "error_message": self.text}
