"""One stack, as AWS calls it: the handlers on a real mongod, moto, and servers that play Meta and Retell."""

import importlib
import json
import time
from base64 import b64encode
from types import SimpleNamespace
from urllib.parse import urlencode

import jwt

from connector.accounts import Login
from connector.instagram.subscriptions import fields_of
from connector.storage import index_builds
from connector.storage.documents import now
from connector.storage.mongodb import database as connector_database
from connector.wiring import meta as meta_wiring
from connector.wiring import outside, stores
from tests.unit.payloads import (
    ACCOUNT,
    PAGE,
    SENT_AT,
    USER,
    compact,
    connection_path,
    http_event,
    message,
    messaging,
    signed_headers,
)
from tests.unit.peer import answer, reset

JWT_KEY = "k" * 32
ROUTES = [
    *(("POST", verb) for verb in ("connect", "send", "pause", "resume", "recover", "menu", "forget", "disconnect")),
    *(("GET", verb) for verb in ("status", "messages", "conversations", "export", "menu")),
]
FOLDERS = {("POST", "menu"): "set_menu"}  # of the functions that are not called as their path is
CONNECT = {
    "accessToken": "EAAgood-token",
    "instagramAccountId": ACCOUNT,
    "pageId": PAGE,
    "webhookVerificationToken": "meatyhamhock",
}
CONTEXT = SimpleNamespace(
    function_name="f",
    memory_limit_in_mb=256,
    invoked_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:f",
    aws_request_id="id",
    get_remaining_time_in_millis=lambda: 30_000,
)


def signed_token(**changes):
    issued_at = int(time.time())
    claims = {"sub": "u", "iat": issued_at, "exp": issued_at + 600, "subaccountId": "sub_1"} | changes
    return jwt.encode(claims, JWT_KEY, algorithm="HS256")


def written(*mids):
    """Return a post in which a customer has just written these messages."""
    age = int((now() - SENT_AT).total_seconds() * 1000)
    return compact(messaging(*(message(mid, "What are your hours?", at=age) for mid in mids)))


def just_now():
    """Return the time as Meta writes it."""
    return int(now().timestamp() * 1000)


def heard(mid, text, *, at=None, **fields):
    """Return the item in which a customer has just written."""
    ends = {"sender": {"id": USER}, "recipient": {"id": ACCOUNT}, "timestamp": at or just_now()}
    return ends | {"message": {"mid": mid, "text": text} | fields}


def echo(mid, *, at=None, **said):
    """Return the item that echoes what the business has just said."""
    ends = {"sender": {"id": ACCOUNT}, "recipient": {"id": USER}, "timestamp": at or just_now()}
    return ends | {"message": {"mid": mid, "is_echo": True} | said}


class Deployment:
    """The functions of one stack, as AWS calls them."""

    def __init__(self, aws, environment, meta, retell, enforcement):
        self.aws = aws
        self.enforcement = enforcement
        self.environment = environment
        self.meta = meta
        self.retell = retell
        self.sent = []
        self.actions = []
        self.headers = {}
        self.loaded = set()
        self.is_warm = False
        """Whether a function that was called before is called in the same execution environment again."""
        meta.behave = self._meta
        retell.behave = self._retell
        self.before_answer = lambda mid: None
        """Called when Meta has taken a message, before it answers."""
        self.owner_app_id = None
        """Which other app has the thread: then nothing can be sent in it."""
        self.lost_answers = 0
        """How many of the next sends are carried out without an answer that arrives."""
        self.thread = []
        """What the Conversations API shows of the customer's thread."""

    def _meta(self, handler):
        request = self.meta.requests[-1]
        match request.method, request.path.rpartition("/")[2]:
            case "GET", node if node == ACCOUNT:
                reply = {"id": ACCOUNT, "username": "acme", "name": "Acme"}
            case "GET", node if node == USER:
                reply = {"id": USER, "username": "ada", "name": "Ada"}
            case "GET", "me":
                reply = {"id": PAGE}
            case "GET", "subscribed_apps":
                reply = {"data": [{"id": "1", "subscribed_fields": list(fields_of(Login.FACEBOOK))}]}
            case "GET", "conversations":
                reply = {"data": [{"id": "t_1"}] if self.thread else []}
            case "GET", "t_1":
                reply = {"messages": {"data": self.thread}}
            case "GET", _:
                reply = {"id": PAGE, "instagram_business_account": {"id": ACCOUNT}}
            case "POST", "messages" if action := request.json.get("sender_action"):
                self.actions.append(action)
                reply = {"recipient_id": USER}
            case "POST", "messages":
                return self._take_message(request.json["message"])(handler)
            case _:
                reply = {"success": True}
        return answer(reply)(handler)

    def _take_message(self, message):
        if self.owner_app_id:
            told = {"message": "Not the thread owner", "code": 100, "error_subcode": 2534037}
            return answer({"error": told}, 400)
        self.sent.append(message.get("text"))
        mid = f"out-{len(self.sent)}"
        self.before_answer(mid)
        if self.lost_answers:
            self.lost_answers -= 1
            return reset
        return answer({"recipient_id": USER, "message_id": mid})

    def _retell(self, handler):
        if self.retell.requests[-1].path.startswith("/get-chat-agent/"):
            return answer({"agent_id": "agent_1"})(handler)
        if self.retell.requests[-1].path == "/create-chat":
            return answer({"chat_id": "chat_1"}, 201)(handler)
        return answer({"messages": [{"role": "agent", "content": "We open at nine."}]}, 201)(handler)

    def function(self, name):
        """Return a function's handler, held to its role: newly loaded, or the loaded one if `is_warm`."""
        module = importlib.import_module(f"functions.{name}.app")
        if name not in self.loaded or not self.is_warm:
            self.loaded.add(name)
            module = importlib.reload(module)
        return self.enforcement.of(name, module.handler)

    def call(self, method, verb, *, token=None, payload=None, query=None, tenant=("sub_1", "agent_1"), headers=None):
        """Call the documented API, and return the status and the body, or its lines."""
        path = connection_path(*tenant).removesuffix("webhook") + verb
        event = http_event(
            method,
            path,
            query=query,
            headers=(headers or {})
            | ({"authorization": f"Bearer {signed_token() if token is None else token}"} if token != "" else {}),
            text=json.dumps(payload) if payload is not None else None,
            path_parameters={"subaccountId": tenant[0], "agentId": tenant[1]},
        )
        told = self.function(FOLDERS.get((method, verb), verb))(event, CONTEXT)
        self.headers = told["headers"]
        if told["headers"].get("Content-Type") == "application/x-ndjson":
            return told["statusCode"], [json.loads(line) for line in told["body"].splitlines()]
        return told["statusCode"], json.loads(told["body"])

    def post(self, raw, **changes):
        """Have Meta post to the webhook, and return the status."""
        headers = signed_headers(raw) | changes
        path = connection_path("sub_1", "agent_1")
        event = http_event("POST", path, headers=headers, text=b64encode(raw).decode(), is_base64=True)
        return self.function("webhook")(event, CONTEXT)["statusCode"]

    def call_back(self, name, signed_request):
        """Have Meta call back about a person, and return the status."""
        form = b64encode(urlencode({"signed_request": signed_request}).encode()).decode()
        event = http_event("POST", f"/api/instagram/{name.replace('_', '-')}", text=form, is_base64=True)
        return self.function(name)(event, CONTEXT)["statusCode"]

    def deliver(self, name, *bodies):
        """Have SQS deliver these bodies to a function, and return which failed, by number."""
        records = [
            {
                "messageId": str(number),
                "receiptHandle": f"handle-{number}",
                "body": text,
                "attributes": {"ApproximateReceiveCount": "1"},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:q",
            }
            for number, text in enumerate(bodies)
        ]
        if not records:
            return []  # SQS does not call for nothing
        told = self.function(name)({"Records": records}, CONTEXT)
        return [int(one["itemIdentifier"]) for one in told["batchItemFailures"]]

    def sweep(self):
        """Have the schedule call."""
        self.function("sweep")({"version": "0", "detail-type": "Scheduled Event", "source": "aws.events"}, CONTEXT)

    def inbox(self):
        return self.aws.bodies(self.environment["INBOX_QUEUE_URL"])

    def turns(self):
        return self.aws.bodies(self.environment["TURN_QUEUE_URL"])

    def tell(self, *items, kind="messaging"):
        """Have Meta tell these items, take them in, and return the turn messages."""
        (entry,) = messaging(*items)["entry"]
        entry[kind] = entry.pop("messaging")
        assert self.post(compact({"object": "instagram", "entry": [entry]})) == 200
        assert self.deliver("ingest", *self.inbox()) == []
        return self.turns()

    def messages(self):
        """Return the newest messages as the API shows them, the oldest first."""
        return self.call("GET", "messages")[1]["data"]["messages"][::-1]

    def take_in(self, *mids):
        """Have a connected account's customer write, and return the turn messages."""
        self.call("POST", "connect", payload=CONNECT)
        self.post(written(*mids))
        assert self.deliver("ingest", *self.inbox()) == []
        return self.turns()


def forget_what_is_kept():
    """Be a new execution environment, which keeps nothing yet."""
    index_builds.check_again()
    for kept in (
        *(stores.secrets, connector_database),
        *(meta_wiring.messenger, meta_wiring.background_messenger, outside._retell),
    ):
        kept.cache_clear()
