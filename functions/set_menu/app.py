"""POST …/instagram/menu: set what customers can tap instead of writing, or take it away."""

from connector import http
from connector.contract.base import Success
from connector.contract.menus import MenuRequest, MenuView
from connector.tenancy import Tenant
from connector.wiring.menus import menu_keeper

app = http.api()


@app.post(f"{http.PREFIX}/menu")
def post(subaccount_id: str, agent_id: str, body: MenuRequest) -> Success[MenuView]:
    """Set what the body names, and answer with all that Meta shows then."""
    return Success(data=MenuView.of(menu_keeper(Tenant(subaccount_id, agent_id)).set(body.wanted())))


handler = http.entry(app)
