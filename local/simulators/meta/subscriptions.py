"""The `subscribed_apps` edge: which app hears of a Page or an account.

Any field installs the app, and an installed app hears of everything it chose in its dashboard: Meta's page
"Setup Webhooks Subscriptions" has it that an account cannot choose. So the fields are checked and kept, and
only whether there are any decides about delivery.
"""

from local.simulators.meta import errors
from local.simulators.meta.shapes import Json
from local.simulators.meta.values import names_in
from local.simulators.meta.world import Account, Page, World

_SHARED_FIELDS = {
    "messages",
    "message_echoes",
    "message_reactions",
    "messaging_optins",
    "messaging_postbacks",
}
_PAGE_FIELDS = _SHARED_FIELDS | {
    "feed",
    "mention",
    "message_context",
    "message_deliveries",
    "message_edits",
    "message_reads",
    "messaging_handovers",
    "messaging_policy_enforcement",
    "messaging_referrals",
    "response_feedback",
    "standby",
}
_ACCOUNT_FIELDS = _SHARED_FIELDS | {
    "comments",
    "live_comments",
    "message_edit",
    "messaging_handover",
    "messaging_referral",
    "messaging_seen",
    "standby",
}


def parse_subscribed_fields(value: object, subscriber: Page | Account) -> list[str]:
    """Read the fields to subscribe: a list, its JSON, or names with commas between; checked."""
    names = names_in(value, "subscribed_fields")
    if not names:
        raise errors.invalid_parameter("The parameter subscribed_fields is required.")
    known = _PAGE_FIELDS if isinstance(subscriber, Page) else _ACCOUNT_FIELDS
    for index, name in enumerate(names):
        if name not in known:
            choice = ", ".join(sorted(known))
            raise errors.invalid_parameter(
                f'Param subscribed_fields[{index}] must be one of {{{choice}}} - got "{name}".'
            )
    return names


def show_subscriptions(world: World, subscriber: Page | Account) -> Json:
    """Show this app with its fields, or nothing."""
    if not subscriber.subscribed_fields:
        return {"data": []}
    link = f"https://www.facebook.com/games/?app_id={world.app_id}"
    app = {"category": "Business", "link": link, "name": errors.APP_NAME, "id": world.app_id}
    return {"data": [app | {"subscribed_fields": subscriber.subscribed_fields}]}
