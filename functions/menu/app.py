"""GET …/instagram/menu: tell what customers can tap instead of writing, as Meta shows it now."""

from connector import http
from connector.contract.base import Success
from connector.contract.menus import MenuView
from connector.tenancy import Tenant
from connector.wiring.menus import menu_keeper

app = http.api()


@app.get(f"{http.PREFIX}/menu")
def get(subaccount_id: str, agent_id: str) -> Success[MenuView]:
    """Ask Meta, and answer."""
    return Success(data=MenuView.of(menu_keeper(Tenant(subaccount_id, agent_id)).read()))


handler = http.entry(app)
