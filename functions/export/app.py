"""GET …/instagram/export: all that is stored of one customer, or of all, as JSON Lines, the oldest first."""

from urllib.parse import urlencode

from aws_lambda_powertools.event_handler import Response

from connector import http
from connector.contract.exporting import CONTENT_TYPE, write_lines
from connector.contract.queries import Cursor, OfUser
from connector.conversation.cursors import Cursors
from connector.conversation.export import exported
from connector.tenancy import Tenant
from connector.wiring import stores

app = http.api()


@app.get(f"{http.PREFIX}/export")
def get(subaccount_id: str, agent_id: str, cursor: Cursor = None, user_id: OfUser = None) -> Response[str]:
    """Answer with the first lines, or with those after the cursor; the header Link names the next ones."""
    http.refuse_unknown_query(app, "cursor", "userId")
    tenant = Tenant(subaccount_id, agent_id)
    cursors = Cursors(tenant, "export")
    beyond = cursors.read(cursor) if cursor is not None else None
    stored = exported(stores.pages(tenant), stores.kept_events(tenant), user_id=user_id, beyond=beyond)
    export = write_lines(stored)
    headers = {}
    if export.goes_on_after is not None:
        following = {"userId": user_id} if user_id is not None else {}
        asked = urlencode(following | {"cursor": cursors.write(export.goes_on_after)})
        headers["Link"] = f'<{app.current_event.path}?{asked}>; rel="next"'
    return Response(200, CONTENT_TYPE, export.lines, headers=headers)


handler = http.entry(app)
