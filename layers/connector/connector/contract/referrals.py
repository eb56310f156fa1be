"""How customers came, as a frontend shows it."""

from collections.abc import Mapping
from typing import Any

from connector.contract.base import Body, Time
from connector.conversation.introduction import referred


class ReferralView(Body):
    """What brought the customer here: a link, an ad, a post, a product."""

    ref: str | None = None
    source: str | None = None
    ad_id: str | None = None
    ad_title: str | None = None
    post_id: str | None = None
    product_id: str | None = None

    @classmethod
    def of(cls, referral: Mapping[str, Any]) -> "ReferralView":
        """Return it for what Meta told."""
        return cls(**referred(referral))


class LastReferralView(ReferralView):
    """What last brought the customer here, and when."""

    at: Time

    @classmethod
    def of(cls, referral: Mapping[str, Any]) -> "LastReferralView":
        """Return it for what Meta told."""
        return cls(**referred(referral), at=referral["at"])
