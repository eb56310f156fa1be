"""GET …/instagram/export: all that is stored of one customer, or of all, as JSON Lines, the oldest first."""

from typing import Annotated
from urllib.parse import urlencode

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Query

from connector import http
from connector.contract.exporting import CONTENT_TYPE, write_lines
from connector.contract.queries import ExportQuery
from connector.conversation.cursors import Cursors
from connector.conversation.export import exported
from connector.tenancy import Tenant
from connector.wiring import stores

app = http.api()


@app.get(f"{http.PREFIX}/export")
def get(subaccount_id: str, agent_id: str, query: Annotated[ExportQuery, Query()]) -> Response[str]:
    """Answer with the first lines, or with those after the cursor; the header Link names the next ones."""
    http.refuse_unknown_query(app, ExportQuery)
    tenant = Tenant(subaccount_id, agent_id)
    cursors = Cursors(tenant, "export")
    beyond = cursors.read(query.cursor) if query.cursor is not None else None
    export = write_lines(exported(stores.pages(tenant), user_id=query.user_id, beyond=beyond))
    headers = {}
    if export.goes_on_after is not None:
        following = {"userId": query.user_id, "cursor": cursors.write(export.goes_on_after)}
        asked = urlencode({name: value for name, value in following.items() if value is not None})
        headers["Link"] = f'<{app.current_event.path}?{asked}>; rel="next"'
    return Response(200, CONTENT_TYPE, export.lines, headers=headers)


handler = http.entry(app)
