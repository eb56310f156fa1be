"""What sets what customers can tap, with its real parts."""

from connector.accounts import Connection
from connector.instagram.menus import Menus
from connector.lifecycle.menus import MenuKeeper
from connector.tenancy import Tenant
from connector.wiring import meta, stores


def menu_keeper(tenant: Tenant) -> MenuKeeper:
    """Return what keeps a tenant's menus."""
    return MenuKeeper(tenant, stores.connections(), _menus)


def _menus(connection: Connection) -> Menus:
    account = connection.account
    return Menus(meta.graph(account.login, meta.token_of(connection), account.node_id), account.login)
