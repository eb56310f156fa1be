"""Two tenants of one running stack: each with an account, a customer who was answered, and something only it knows."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any
from urllib.parse import quote

import bson

from local.openapi.document import document
from local.openapi.guide import SAMPLES
from local.template import Function, Route
from tests.conftest import PREFIX
from tests.integration.attacks import AUDIENCE, ISSUER, KEY, OTHER, OWN, bearer, claims_of
from tests.integration.stack import Stack

DOCUMENT = document()
METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class Operation:
    """One route, as docs/openapi.json describes it."""

    route: Route
    described: Mapping[str, Any] = field(hash=False)

    def __str__(self) -> str:
        return str(self.described["operationId"])

    @property
    def is_public(self) -> bool:
        """Return whether the document asks for no token."""
        return self.described.get("security") == []

    def codes(self, status: int) -> set[str]:
        """Return the codes that the document names for a status."""
        answer = json.dumps(self.described["responses"].get(str(status), {}))
        return {code for group in answer.split('"enum": [')[1:] for code in json.loads(f"[{group.split(']')[0]}]")}

    @property
    def bodies(self) -> list[Any]:
        """Return the document's examples of a body; an empty object where there is none."""
        content = self.described.get("requestBody", {}).get("content", {}).get("application/json", {})
        return [one["value"] for one in content.get("examples", {}).values()] or [{}]

    def named(self, where: str) -> list[str]:
        """Return the names of the parameters that are in the query, or in the header."""
        return [one["name"] for one in self.described.get("parameters", ()) if one["in"] == where]


OPERATIONS = [
    Operation(Route(method.upper(), path), item[method])
    for path, item in DOCUMENT["paths"].items()
    for method in METHODS
    if method in item
]
PROTECTED = [one for one in OPERATIONS if not one.is_public]
PUBLIC = [one for one in OPERATIONS if one.is_public]


@dataclass(frozen=True)
class Side:
    """One tenant, and what it alone knows."""

    tenant: tuple[str, str]
    account: Mapping[str, Any]
    customer: Mapping[str, Any]
    words: str
    """In everything that its customer wrote and that its agent answered."""

    @property
    def connect_body(self) -> dict[str, str]:
        """Return what it connects with."""
        names = ("accessToken", "instagramAccountId", "pageId")
        return {name: self.account[name] for name in names} | {"webhookVerificationToken": f"verify-{self.tenant[0]}"}

    def has(self, document: Mapping[str, Any]) -> bool:
        """Return whether a document is this tenant's."""
        return self.tenant[0] in (document.get("subaccountId"), str(document["_id"]).partition("/")[0])


@dataclass
class TwoTenants:
    """The stack, an attacker and the other tenant."""

    stack: Stack

    def __post_init__(self) -> None:
        keys = {"keys": [KEY], "issuer": ISSUER, "audience": AUDIENCE}
        self.stack.aws.put_secret("jwt", json.dumps(keys))
        self.stack.forget_environments()
        self.attacker, self.other = self._side(OWN), self._side(OTHER)
        self.own, self.theirs = self._ids_of(self.attacker), self._ids_of(self.other)

    @cached_property
    def functions(self) -> dict[Route, Function]:
        """The function behind each route of template.yaml."""
        return {route: function for function in self.stack.template.functions for route in function.routes}

    def request(
        self,
        route: Route,
        ids: tuple[str, str] | str,
        *,
        header: str | None,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        encoded: bool = False,
        path_of: tuple[str, str] | None = None,
        **headers: str,
    ) -> tuple[int, str]:
        """Call a route for these ids, as API Gateway hands the request over; return the status and the body.

        `encoded` leaves the path as it was sent; `path_of` names other ids in the path than in its parameters.
        """
        names = ("subaccountId", "agentId") if isinstance(ids, tuple) else ("code",)
        parameters = dict(zip(names, ids if isinstance(ids, tuple) else (ids,), strict=True))
        shown = dict(zip(names, path_of, strict=True)) if path_of else parameters
        path = route.path
        for name, value in shown.items():
            sent = quote(value.encode("utf-8", "surrogatepass"), safe="") if encoded else value
            path = path.replace(f"{{{name}}}", sent)
        raw = json.dumps(body) if isinstance(body, dict) else body
        key = f"{route.method} {route.path}"
        event = {
            "version": "2.0",
            "routeKey": key,
            "rawPath": path,
            "rawQueryString": "",
            "headers": headers | ({} if header is None else {"authorization": header}),
            "queryStringParameters": dict(query) if query else None,
            "pathParameters": {name: one for name, one in parameters.items() if f"{{{name}}}" in route.path} or None,
            "requestContext": {
                "domainName": "api.example.com",
                "http": {"method": route.method, "path": path, "sourceIp": "192.0.2.1", "userAgent": "x"},
                "requestId": "id",
                "routeKey": key,
                "stage": "$default",
            },
            "body": raw,
            "isBase64Encoded": False,
        }
        answer = self.stack.invoke(self.functions[route], event)
        return answer["statusCode"], answer["body"]

    def call(self, side: Side, operation_id: str, body: Any = None, **query: str) -> Any:
        """Call the API as a tenant, and return the data."""
        (one,) = [one for one in OPERATIONS if str(one) == operation_id]
        header = bearer(claims_of(side.tenant[0]))
        status, text = self.request(one.route, side.tenant, header=header, body=body, query=query)
        assert status == 200, text
        return json.loads(text)["data"]

    def connect(self, side: Side) -> None:
        """Connect a tenant, unless it is."""
        if not self.call(side, "getStatus")["isConnected"]:
            self.call(side, "connect", side.connect_body)

    def _side(self, tenant: tuple[str, str]) -> Side:
        account, customer = self.stack.simulate("POST", "accounts"), self.stack.simulate("POST", "users")
        side = Side(tenant, account, customer, f"secret-words-of-{tenant[0]}")
        self.connect(side)
        # The agent's answers hold the words too.
        self.stack.agent("POST", "answers", answers=[f"I answer {side.words}"])
        text = {"accountId": account["instagramAccountId"], "text": f"I ask {side.words}"}
        self.stack.simulate("POST", f"users/{customer['userId']}/messages", **text)
        self.stack.settle()
        roles = [one["role"] for one in self.call(side, "listMessages")["messages"]]
        assert roles == ["agent", "user"], "the customer was not answered"
        return side

    def _ids_of(self, side: Side) -> dict[str, str]:
        """Return every id by which something of a tenant is known, with a deletion code and a cursor."""
        asked, answered = reversed(self.call(side, "listMessages")["messages"])
        cursor = self.call(side, "listMessages", limit="1")["nextCursor"]
        chat = self.stack.database["chats"].find_one({"subaccountId": side.tenant[0]}) or {}
        return {
            "subaccountId": side.tenant[0],
            "agentId": side.tenant[1],
            "instagramAccountId": side.account["instagramAccountId"],
            "pageId": side.account["pageId"],
            "ownerId": side.account["ownerId"],
            "appScopedId": side.account["appScopedId"],
            "accountName": side.account["username"],
            "userId": side.customer["userId"],
            "mid": asked["mid"],
            "sentMid": answered["mid"],
            "messageId": asked["id"],
            "chatId": chat["chat_id"] if "chat_id" in chat else str(chat["_id"]),
            "messagesCursor": cursor,
            "deletionCode": self.call(side, "forgetCustomer", {"userId": "9" * 16})["confirmationCode"],
        }

    def snapshot(self, *, of: Side | None = None) -> dict[str, str]:
        """Return a hash of every collection, of SSM, of the queues and of what Meta and Retell were asked.

        `of` one tenant: of its documents and secrets, and of its account and thread at Meta.
        """
        hashes = {}
        database = self.stack.database
        for name in sorted(database.list_collection_names()):
            documents = [one for one in database[name].find().sort("_id", 1) if of is None or of.has(one)]
            hashes[name] = _hash(b"".join(bson.encode(one) for one in documents))
        secrets = [one for one in self._parameters() if of is None or f"/{of.tenant[0]}/" in one[0]]
        hashes["SSM"] = _hash(secrets)
        if of is None:
            counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesDelayed"]
            queues = [
                self.stack.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"]
                for url in self.stack.queues.values()
            ]
            hashes["queues"] = _hash(queues)
            hashes["Meta's calls"] = _hash(self.stack.simulate("GET", "calls"))
            hashes["Retell"] = _hash(self.stack.agent("GET", "state"))
        else:
            account_id, user_id = of.account["instagramAccountId"], of.customer["userId"]
            hashes["account at Meta"] = _hash(self.stack.simulate("GET", f"accounts/{account_id}"))
            hashes["thread at Meta"] = _hash(self.stack.simulate("GET", f"threads/{account_id}/{user_id}")["messages"])
        return hashes

    def _parameters(self) -> list[tuple[str, int, str]]:
        pages = self.stack.aws.ssm.get_paginator("get_parameters_by_path").paginate(
            Path=PREFIX, Recursive=True, WithDecryption=True
        )
        found = [one for page in pages for one in page["Parameters"]]
        return sorted((one["Name"], one["Version"], one["Value"]) for one in found)


def filled(value: Any, own: Mapping[str, str]) -> Any:
    """Return an example of the document with the samples replaced by ids that exist."""
    text = json.dumps(value)
    for name, real in own.items():
        if name in SAMPLES:
            text = text.replace(json.dumps(SAMPLES[name]), json.dumps(real))
    return json.loads(text)


def _hash(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value, sort_keys=True, default=str).encode()
    return sha256(raw).hexdigest()
