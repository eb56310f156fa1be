"""Meta and Retell as an owner of Instagram accounts meets them: the simulators, over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import requests

from connector.accounts import AccessToken, App, Connection, Login
from connector.agents.retell import Retell
from connector.instagram.graph import Graph
from connector.instagram.tokens import Tokens
from connector.lifecycle.binding import Binding, Rule
from connector.lifecycle.connect import Connecting
from connector.lifecycle.credentials import Examiner
from connector.lifecycle.disconnect import Disconnecting
from connector.lifecycle.doctor import WITHIN, Doctor
from connector.lifecycle.wish import Wish
from connector.storage.agent_owners import COLLECTION as AGENTS
from connector.storage.agent_owners import AgentOwners
from connector.storage.connections import COLLECTION, Connections
from connector.storage.documents import now
from connector.storage.index_builds import ensure_indexes
from connector.storage.parameters import Parameters
from connector.storage.secret_sets import SecretSets
from connector.storage.secrets import VISIBLE_WITHIN, Secrets
from connector.tenancy import Tenant
from local.simulators.meta.app import create_app as create_meta
from local.simulators.retell.app import create_app as create_retell
from local.simulators.server import serve
from tests.conftest import PREFIX

VERIFY_TOKEN = "meatyhamhock"


@dataclass(frozen=True)
class Meta:
    """Meta's control API."""

    url: str

    def control(self, method: str, path: str, **body: Any) -> Any:
        """Have something happen at Meta."""
        answer = requests.request(method, f"{self.url}/_simulator/{path}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def account(self, **wanted: Any) -> dict[str, Any]:
        """Return a new account with its Page and tokens."""
        return dict(self.control("POST", "accounts", **wanted))

    def apps(self) -> dict[str, App]:
        """Return the apps of both logins."""
        told = self.control("GET", "state")["apps"]
        return {login: App(told[login]["id"], told[login]["secret"]) for login in Login}

    def calls(self) -> list[tuple[str, str, int | None]]:
        """Return the calls of the Graph API: method, path, status."""
        return [(one["method"], one["path"], one["status"]) for one in self.control("GET", "calls")["calls"]]


class Owners:
    """The stores, Meta and Retell, and what joins them."""

    def __init__(self, aws: Any, database: Any, meta_url: str, retell_url: str) -> None:
        self.aws = aws
        self.meta = Meta(meta_url)
        self.retell_url = retell_url
        self.database = database
        self.connections = Connections(database[COLLECTION])
        ensure_indexes(database)
        self.secrets = Secrets(Parameters(aws.ssm, PREFIX))
        self.secret_sets = SecretSets(database[COLLECTION], self.secrets)
        self.apps: dict[str, App] = self.meta.apps()
        """The deployment's; a deployment may name none."""

    def graph(self, login: Login, token: AccessToken, node_id: str) -> Graph:
        """Return a Graph API."""
        return Graph(f"{self.meta.url}/v26.0", token, node_id, self._secrets_of)

    def _secrets_of(self, app_id: str, _recent: bool) -> list[str]:
        return [app.secret for app in self.apps.values() if app.app_id == app_id]

    def tokens(self, login: Login) -> Tokens:
        """Return what Meta does about tokens."""
        return Tokens(lambda token: self.graph(login, token, ""), lambda token: Graph(self.meta.url, token, ""), now)

    def examiner(self, login: Login) -> Examiner:
        """Return what examines tokens."""
        return Examiner(login, self.apps.get(login), self.graph, self.tokens(login), now)

    def binding(self) -> Binding:
        """Return the rule of a deployment with one tenant."""
        return Binding(
            Rule.OPEN,
            lambda _: False,
            AgentOwners(self.database[AGENTS], self.database[COLLECTION]),
            self.require_agent,
        )

    def require_agent(self, tenant: Tenant, agent_id: str) -> None:
        """Require that Retell has the agent."""
        Retell(self.retell_url, "key_local", agent_id).require()

    def connecting(self) -> Connecting:
        """Return what joins agents to accounts."""
        return Connecting(
            self.graph,
            self.examiner,
            self.binding(),
            self.connections,
            self.secrets,
            self.secret_sets,
            "alias/test-stack",
            now,
        )

    def disconnecting(self) -> Disconnecting:
        """Return what ends connections."""
        return Disconnecting(self.graph, self.connections, self.secrets, self.secret_sets)

    def doctor(self, within: timedelta = WITHIN) -> Doctor:
        """Return what examines connections."""
        return Doctor(self.graph, self.tokens, self.binding(), self.connections, self.secrets, within)

    def lose_token(self, connection: Connection) -> None:
        """Delete a connection's token, so long after it was stored that it counts as gone."""
        self.database[COLLECTION].update_one(
            {"_id": str(connection.tenant)}, {"$set": {"tokenStoredAt": now() - VISIBLE_WITHIN}}
        )
        self.secrets.delete_access_token(connection.tenant, connection.secrets_id)

    def parameters(self) -> dict[str, str]:
        """Return everything that stands in SSM, by name."""
        names = [one["Name"] for one in self.aws.ssm.describe_parameters()["Parameters"]]
        return {
            name.removeprefix(f"{PREFIX}/"): self.aws.ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"][
                "Value"
            ]
            for name in names
        }


def wish(account: dict[str, Any], login: Login = Login.FACEBOOK, **changes: Any) -> Wish:
    """Return the wish to have an account connected."""
    is_facebook = login is Login.FACEBOOK
    fields = {
        "access_token": account["accessToken" if is_facebook else "instagramAccessToken"],
        "account_id": account["instagramAccountId"],
        "page_id": account["pageId"] if is_facebook else None,
        "verify_token": VERIFY_TOKEN,
        "retell_agent_id": "agent_1",
    } | changes
    return Wish(**fields)


@contextmanager
def owners(aws: Any, database: Any) -> Iterator[Owners]:
    """Start Meta and Retell."""
    meta = serve(create_meta(app_secret="test_app_secret"))
    retell = serve(create_retell(api_key="key_local"))
    try:
        yield Owners(aws, database, meta.url, retell.url)
    finally:
        retell.stop()
        meta.stop()
