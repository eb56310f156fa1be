"""The audit log: a line for each request that changes something or takes data out.

A line tells who (the token's `sub`, or `meta`), what, for which tenant, and how it was answered; the logger adds when.
It holds no contents: no customer, no text, no secret.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from connector.auth import Caller
from connector.errors import ConnectorError
from connector.logs import logger
from connector.tenancy import Tenant

ACTIONS: Mapping[tuple[str, str], str] = {
    ("POST", "connect"): "connect",
    ("GET", "authorize"): "authorize",
    ("POST", "disconnect"): "disconnect",
    ("POST", "forget"): "forget",
    ("GET", "export"): "export",
    ("POST", "menu"): "set_menu",
    ("POST", "pause"): "pause",
    ("POST", "resume"): "resume",
    ("POST", "send"): "send",
    ("POST", "recover"): "recover",
}
"""What is audited, by method and by the last part of the path."""

META = "meta"
"""Who calls where Meta does."""


@dataclass(slots=True)
class Call:
    """A request, as far as the audit log tells of it."""

    action: str | None
    """None for a request that is not audited."""
    caller: Caller | None = None
    """None while nobody is proven."""
    tenant: Tenant | None = None

    def record(self, status: int) -> None:
        """Write the line, if the request is audited and its caller proven."""
        if self.action is not None and self.caller is not None:
            record(self.action, self.caller.subject, self.tenant, status)


def action_of(method: str, path: str) -> str | None:
    """Return the name under which a route is audited, or None."""
    return ACTIONS.get((method, path.rpartition("/")[2]))


def record(action: str, who: str, tenant: Tenant | None, status: int) -> None:
    """Write one line. `tenant` is None where a request concerns no one tenant, or names an impossible one."""
    where = {"subaccountId": tenant.subaccount_id, "agentId": tenant.agent_id} if tenant else {}
    logger.info("audit", extra={"action": action, "who": who, "status": int(status)} | where)


@contextmanager
def recording(action: str, who: str, tenant: Tenant | None) -> Iterator[None]:
    """Write the line of what is done in the context, with the status that an error in it is answered with."""
    try:
        yield
    except Exception as error:
        record(action, who, tenant, error.status if isinstance(error, ConnectorError) else 500)
        raise
    record(action, who, tenant, 200)
