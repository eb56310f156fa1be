"""Closing a client's connection without an answer."""

import socket

from flask import Response, g, request


def drop_connection() -> Response:
    """Shut the socket of the request now being served; the client sees an end of file, no status line.

    Werkzeug's server puts the socket into the WSGI environment. The response returned here is needed by
    Flask and never reaches anyone. `flask.g.answer_is_lost` tells whoever logs the request.
    """
    g.answer_is_lost = True
    connection = request.environ.get("werkzeug.socket")
    if isinstance(connection, socket.socket):
        connection.shutdown(socket.SHUT_RDWR)
    return Response(status=500)
