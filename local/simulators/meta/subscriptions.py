"""Which app hears what of a Page or an account: the `subscribed_apps` edge, and the dashboard's fields.

An event is told where both name its field. The dashboard's are those of the Instagram object; a Page's subscription has
the Page's own names for some of them.
"""

from local.simulators.meta import errors
from local.simulators.meta.deliveries import WebhookEvent
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


_OF_INSTAGRAM = {
    "message_edits": "message_edit",
    "message_reads": "messaging_seen",
    "messaging_handovers": "messaging_handover",
    "messaging_referrals": "messaging_referral",
}
_FIELDS = {
    "message": "messages",
    "message_edit": "message_edit",
    "optin": "messaging_optins",
    "pass_thread_control": "messaging_handover",
    "take_thread_control": "messaging_handover",
    "request_thread_control": "messaging_handover",
    "postback": "messaging_postbacks",
    "reaction": "message_reactions",
    "read": "messaging_seen",
    "referral": "messaging_referral",
}


def all_fields(subscriber: Page | Account) -> list[str]:
    """Return every field that can be subscribed for a Page or an account."""
    return sorted(_known_fields(subscriber))


def is_heard(world: World, event: WebhookEvent) -> bool:
    """Tell whether the field of an event is chosen in the dashboard and subscribed for its account.

    An event of a kind without a field here is told wherever there is a subscription.
    """
    subscribed = {_OF_INSTAGRAM.get(name, name) for name in world.subscribed_fields(world.accounts[event.account_id])}
    if world.callback is None or not subscribed:
        return False
    field = next((name for key, name in _FIELDS.items() if key in event.item), None)
    needed = {"standby"} if event.item_list == "standby" else {field} - {None}
    return needed <= subscribed and (world.callback.fields is None or needed <= set(world.callback.fields))


def parse_subscribed_fields(value: object, subscriber: Page | Account) -> list[str]:
    """Read the fields to subscribe: a list, its JSON, or names with commas between; checked."""
    names = names_in(value, "subscribed_fields")
    if not names:
        raise errors.invalid_parameter("The parameter subscribed_fields is required.")
    known = _known_fields(subscriber)
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


def _known_fields(subscriber: Page | Account) -> set[str]:
    known = _PAGE_FIELDS if isinstance(subscriber, Page) else _ACCOUNT_FIELDS
    return known - set(subscriber.unknown_fields)
