"""GET …/instagram/authorize: answer the address at which an account's owner logs in, to have it connected."""

from connector import http, settings
from connector.auth import Scope
from connector.contract.authorizing import Invited, OfAccount, OfLogin, OfRetellAgent, ReturnUrl
from connector.contract.base import Success
from connector.gateway import base_url
from connector.lifecycle.authorization import CALLBACK_PATH, require_known
from connector.logins import PendingLogin
from connector.tenancy import Tenant
from connector.wiring import logins, stores

app = http.api()


@app.get(f"{http.PREFIX}/authorize")
def get(
    subaccount_id: str,
    agent_id: str,
    login: OfLogin,
    return_url: ReturnUrl = None,
    retell_agent_id: OfRetellAgent = None,
    account_id: OfAccount = None,
) -> Success[Invited]:
    """Keep what is asked for, and answer the address."""
    http.refuse_unknown_query(app, "login", "returnUrl", "retellAgentId", "instagramAccountId")
    require_known(return_url, settings.return_urls())
    stores.ensure_indexes()
    redirect_uri = base_url(app.current_event.raw_event) + CALLBACK_PATH
    agent, caller = retell_agent_id or agent_id, http.caller(app)
    listed, tenant = caller.lists_agent(agent), Tenant(subaccount_id, agent_id)
    pending = PendingLogin(tenant, login, redirect_uri, agent, return_url, account_id, listed, caller.subject)
    invitation = logins.authorizing().ask(pending)
    return Success(data=Invited(url=invitation.url, expires_at=invitation.expires_at))


handler = http.entry(app, scope=Scope.WRITE)
