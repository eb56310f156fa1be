"""The world a new simulator begins with."""

from local.simulators.meta.world import Account, Owner, Page, User, World

APP_ID = "900000000000001"
INSTAGRAM_APP_ID = "900000000000002"


def default_world() -> World:
    """Two linked accounts, one Page without an account; one owner has two of the Pages; two people who write."""
    world = World(app_id=APP_ID, instagram_app_id=INSTAGRAM_APP_ID)
    for page in (
        Page("101234567890123", "Acme Coffee", "EAAsimulatedPageToken0001"),
        Page("101234567890124", "Acme Coffee Roastery", "EAAsimulatedPageToken0002"),
        Page("101234567890125", "Acme Bakery", "EAAsimulatedPageToken0003"),
    ):
        world.pages[page.page_id] = page
    for owner in (
        Owner("10220000000000001", "Clara Moreau", ["101234567890123", "101234567890124"]),
        Owner("10220000000000002", "Dmitri Petrov", ["101234567890125"]),
    ):
        world.owners[owner.owner_id] = owner
    for account in (
        Account(
            account_id="17841400000000001",
            app_scoped_id="28978671838402975",
            username="acme_coffee",
            name="Acme Coffee",
            instagram_token="IGAAsimulatedInstagramToken0001",
            page_id="101234567890123",
        ),
        Account(
            account_id="17841400000000002",
            app_scoped_id="28978671838402976",
            username="acme_bakery",
            name="Acme Bakery",
            instagram_token="IGAAsimulatedInstagramToken0002",
            page_id="101234567890125",
        ),
    ):
        world.accounts[account.account_id] = account
    for user in (
        User("1234567890123456", "ana.lima", "Ana Lima"),
        User("1234567890123457", "ben_k", "Ben K"),
    ):
        world.users[user.user_id] = user
    return world
