"""Events as AWS makes them, field by field after its documentation's examples.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

import base64
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4


def from_api(
    method: str,
    template: str,
    *,
    ids: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> dict[str, Any]:
    """Return a request to the HTTP API, whose route has the path `template`."""
    path = re.sub(r"\{(\w+)}", lambda form: (ids or {})[form[1]], template)
    host = "abcdefghij.execute-api.eu-central-1.amazonaws.com"
    event = _request(method, path, host, f"{method} {template}", query or {}, headers or {})
    if ids:
        event["pathParameters"] = dict(ids)
    if body is not None:
        event["body"] = body.decode()
    return event


def from_function_url(
    method: str,
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> dict[str, Any]:
    """Return a request to a Function URL: no routes, so no path parameters; the body may come in base64."""
    host = "abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.on.aws"
    event = _request(method, path, host, "$default", query or {}, headers or {})
    event["requestContext"] |= {"accountId": "anonymous", "authentication": None}
    if body is not None:
        event |= {"body": base64.b64encode(body).decode("ascii"), "isBase64Encoded": True}
    return event


def from_queue(arn: str, *bodies: str) -> dict[str, Any]:
    """Return a batch that a queue's poller hands over. The messages' ids are "0", "1", …"""
    return {
        "Records": [
            {
                "messageId": str(index),
                "receiptHandle": f"AQEB{uuid4().hex}",
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1757330004554",
                    "SenderId": "AROAEXAMPLE:webhook",
                    "ApproximateFirstReceiveTimestamp": "1757330004600",
                    "MessageGroupId": "17841400000000001",
                },
                "messageAttributes": {},
                "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
                "eventSource": "aws:sqs",
                "eventSourceARN": arn,
                "awsRegion": "eu-central-1",
            }
            for index, body in enumerate(bodies)
        ]
    }


def _request(
    method: str, path: str, host: str, route: str, query: Mapping[str, str], headers: Mapping[str, str]
) -> dict[str, Any]:
    sent = {"host": host, "user-agent": "facebookexternalua", "x-forwarded-for": "192.0.2.1", **headers}
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": path,
        "rawQueryString": urlencode(query),
        "headers": {name.lower(): value for name, value in sent.items()},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": host.partition(".")[0],
            "domainName": host,
            "domainPrefix": host.partition(".")[0],
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "facebookexternalua",
            },
            "requestId": str(uuid4()),
            "routeKey": route,
            "stage": "$default",
            "time": "08/Sep/2025:11:13:24 +0000",
            "timeEpoch": 1757330004554,
        },
        "isBase64Encoded": False,
    }
    return event | ({"queryStringParameters": dict(query)} if query else {})
