"""One stack as AWS runs it, in this process: the deployed handlers, SQS and the schedule, Meta and Retell, and a clock.

Handlers are loaded as Lambda loads them, with real wiring, on a real mongod. SSM and SQS are moto's, with the queues of
template.yaml; Meta and Retell are the simulators, over HTTP. Nobody waits: when all that is due is done, the clock is
moved to what is due next.
"""

import importlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import jwt
import requests
import time_machine
from moto.sqs.models import Queue as MotoQueue
from moto.sqs.models import sqs_backends
from pymongo.database import Database

from connector.storage.mongodb import database as connector_database
from local.environments import InvocationFailed
from local.gateway import Gateway
from local.scheduler import event_of
from local.simulators.meta.app import create_app as create_meta
from local.simulators.retell.app import create_app as create_retell
from local.simulators.server import RunningServer, serve
from local.site import create_site
from local.template import Function, Template, read_template
from tests.integration.calls import Calls, Died
from tests.integration.deployment import JWT_KEY, forget_what_is_kept
from tests.integration.enforcing import Enforcement, enforced
from tests.unit.payloads import ACCOUNT, APP_SECRET, PAGE, USER

APP_PATH = "/api/instagram/webhook"
VERIFY_TOKEN = "of the app"
PAGE_TOKEN = "EAAsimulatedPageToken0001"  # of the simulator's first account
SWEEP_SECONDS = 60
_WEBHOOK_SECONDS = 60  # of real time, until the simulator has delivered its webhooks
_TEMPLATE = read_template()


@dataclass
class Stack:
    """One running stack with one connected agent."""

    aws: Any
    database: Database[dict[str, Any]]
    uri: str
    clock: time_machine.Traveller
    meta: RunningServer
    retell: RunningServer
    enforcement: Enforcement
    template: Template = _TEMPLATE
    queues: dict[str, str] = field(default_factory=dict)
    site: RunningServer | None = None
    calls: Calls = field(default_factory=Calls)
    swept_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    invoked: list[str] = field(default_factory=list)
    waits: list[tuple[datetime, float]] = field(default_factory=list)
    """When the clock was moved, and by how many seconds."""
    starts_cold: bool = False
    """Whether each invocation finds a new execution environment, unless another one runs."""

    # ── the customer, the business and the agent

    def write(self, text: str | None = None, *, user: str = USER, **message: Any) -> str:
        """Have a customer write, and return the mid."""
        body = {"accountId": ACCOUNT, "text": text} | message
        return str(self.simulate("POST", f"users/{user}/messages", **body)["mid"])

    def type_in_app(self, text: str, *, user: str = USER) -> str:
        """Have a person at the business write in the Instagram app, and return the mid."""
        return str(self.simulate("POST", f"accounts/{ACCOUNT}/messages", to=user, text=text)["mid"])

    def thread(self, user: str = USER) -> list[dict[str, Any]]:
        """Return the messages of a customer's thread at Instagram."""
        return list(self.simulate("GET", f"threads/{ACCOUNT}/{user}")["messages"])

    def received(self, user: str = USER) -> list[str]:
        """Return the texts that a customer got from the agent or through the API."""
        return [message["text"] for message in self.thread(user) if message["via"] == "api"]

    def waited_for(self, mid: str, user: str = USER) -> timedelta:
        """Return how long the stack waited between a customer's message and the next one they got from the agent.

        The clock goes on while this machine works. That time is not counted: it says how busy the machine is.
        """
        messages = self.thread(user)
        (asked,) = [message for message in messages if message["mid"] == mid]
        answered = [one for one in messages if one["via"] == "api" and one["at"] >= asked["at"]]
        assert answered, "the customer got no answer"
        start, end = _moment(asked["at"]), _moment(answered[0]["at"])
        return timedelta(seconds=sum(seconds for at, seconds in self.waits if start <= at < end))

    def questions(self) -> list[str]:
        """Return what the agent was asked, in all its chats, in the order of time."""
        chats = self.agent("GET", "state")["chats"]
        said = [one for chat in chats for one in chat["messages"] if one["role"] == "user"]
        return [one["content"] for one in sorted(said, key=lambda one: one["created_timestamp"])]

    def simulate(self, method: str, path: str, **body: Any) -> Any:
        """Call the Meta simulator's control API."""
        return _call(method, f"{self.meta.url}/_simulator/{path}", body)

    def agent(self, method: str, path: str, **body: Any) -> Any:
        """Call the Retell simulator's control API."""
        return _call(method, f"{self.retell.url}/_simulator/{path}", body)

    # ── the frontend

    def call(
        self, method: str, verb: str, body: Any = None, *, headers: Any = None, agent: str = "agent_1", **query: str
    ) -> requests.Response:
        """Call the documented API as the frontend does."""
        now = int(time.time())
        claims = {"sub": "u", "iat": now, "exp": now + 600, "subaccountId": "sub_1"}
        token = jwt.encode(claims, JWT_KEY, algorithm="HS256")
        assert self.site is not None
        url = f"{self.site.url}/api/database/sub_1/chat-agents/{agent}/instagram/{verb}"
        headers = {"Authorization": f"Bearer {token}"} | (headers or {})
        return requests.request(method, url, json=body, params=query, headers=headers, timeout=60)

    def connect(self) -> dict[str, Any]:
        """Connect the agent to the simulator's first account."""
        body = {"accessToken": PAGE_TOKEN, "instagramAccountId": ACCOUNT, "pageId": PAGE}
        answer = self.call("POST", "connect", body | {"webhookVerificationToken": "meatyhamhock"})
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["data"])

    def messages(self, user: str = USER, **query: str) -> list[dict[str, Any]]:
        """Return what `messages` shows of a user, oldest first."""
        answer = self.call("GET", "messages", userId=user, limit="100", **query)
        assert answer.status_code == 200, answer.text
        return list(reversed(answer.json()["data"]["messages"]))

    def statuses(self, user: str = USER) -> list[tuple[str, str, str | None]]:
        """Return role, status and the error's code of each message of a user, oldest first."""
        shown = self.messages(user)
        return [(one["role"], one["status"], (one.get("error") or {}).get("code")) for one in shown]

    # ── time

    def settle(self, within: timedelta = timedelta(hours=2)) -> None:
        """Let time pass until nothing is on its way: no webhook, no queue message, no turn that waits for the sweep."""
        until = datetime.now(UTC) + within
        while self.step(until):
            pass

    def run_for(self, span: timedelta) -> None:
        """Let so much time pass."""
        until = datetime.now(UTC) + span
        while (due := self._next_due()) is not None and due <= until:
            self.step(until)
        self._move_to(until)

    def step(self, until: datetime) -> bool:
        """Do what is due first, and return whether there was anything."""
        due = self._next_due()
        if due is None:
            return False
        assert due <= until, "something goes on for longer than it should"
        self._move_to(due)
        if self._next_sweep() <= datetime.now(UTC) and self._something_waits():
            self.sweep()
        for function in self.template.functions:
            if function.source is not None:
                self._poll(function)
        return True

    def sweep(self) -> None:
        """Have the schedule invoke the sweep."""
        self.swept_at = datetime.now(UTC)
        (function,) = [one for one in self.template.functions if one.name == "sweep"]
        self.invoke(function, event_of(function.schedules[0]))

    def _next_sweep(self) -> datetime:
        return self.swept_at + timedelta(seconds=SWEEP_SECONDS)

    def _something_waits(self) -> bool:
        return self.database["chats"].find_one({"wakeAt": {"$ne": None}}, {"_id": 1}) is not None

    def _next_due(self) -> datetime | None:
        self._await_webhooks()
        dues = [max(one.delayed_until, one.visible_at) for queue in self._consumed() for one in list(queue._messages)]
        due = [datetime.fromtimestamp(one / 1000, UTC) for one in dues]
        now = datetime.now(UTC)
        if self._something_waits():
            due.append(self._next_sweep())
        return max(min(due), now) if due else None

    def _consumed(self) -> Iterator[MotoQueue]:
        for function in self.template.functions:
            if function.source is not None:
                yield sqs_backends["123456789012"]["eu-central-1"].queues[function.source.queue]

    def dead_letters(self) -> int:
        """Return how many messages the dead-letter queues hold."""
        queues = sqs_backends["123456789012"]["eu-central-1"].queues
        return sum(len(queues[one.name]._messages) for one in self.template.queues if one.dead_letters is None)

    def _move_to(self, moment: datetime) -> None:
        at = datetime.now(UTC)
        ahead = (moment - at).total_seconds()
        if ahead > 0:
            self.waits.append((at, ahead))
            self.clock.shift(ahead + 0.002)  # moto counts in ms, and what is due at this very one it calls early

    def _await_webhooks(self) -> None:
        """Return when every webhook is delivered. The clock is moved for one that Meta tries again later."""
        deadline = time.monotonic() + _WEBHOOK_SECONDS
        while waiting := self._undelivered():
            assert time.monotonic() < deadline, f"the webhook does not take what Meta tells: {waiting}"
            self._move_to(min(_moment(one["nextAttemptAt"]) for one in waiting))

    def _undelivered(self) -> list[dict[str, Any]]:
        deliveries = self.simulate("GET", "deliveries?waitSeconds=20")["deliveries"]
        return [one for one in deliveries if one["status"] == "waiting"]

    # ── Lambda

    def take_in(self) -> None:
        """Have what Meta tells stored now, in the middle of what other functions do."""
        (function,) = [one for one in self.template.functions if one.name == "ingest"]
        self._poll(function)

    def _poll(self, function: Function) -> None:
        with self.enforcement.running(None):  # the event source mapping does, also while a function runs
            self._deliver(function)

    def _deliver(self, function: Function) -> None:
        assert function.source is not None
        self._await_webhooks()  # moto loses what is sent to a queue while something is deleted from it
        url = self.queues[function.source.queue]
        while messages := self._receive(url, function):
            try:
                answer = self.invoke(function, {"Records": [_record(one, function.source.queue) for one in messages]})
            except InvocationFailed:
                continue  # SQS shows it again when its visibility timeout ends
            failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
            for message in messages:
                if message["MessageId"] not in failed:
                    self.aws.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    def _receive(self, url: str, function: Function) -> list[dict[str, Any]]:
        assert function.source is not None
        answer = self.aws.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=function.source.batch_size, MessageSystemAttributeNames=["All"]
        )
        return list(answer.get("Messages", []))

    def forget_environments(self) -> None:
        """Let the next invocations find new execution environments, which keep nothing yet."""
        connector_database(self.uri).client.close()
        forget_what_is_kept()
        for function in self.template.functions:
            if function.source is not None:  # the others keep nothing in their modules
                importlib.reload(importlib.import_module(f"functions.{function.name}.app"))

    def invoke(self, function: Function, event: Mapping[str, Any]) -> Any:
        """Invoke a function, and hold that nothing of it runs on when its handler has returned.

        Raises:
            InvocationFailed: the handler raised, or was killed; then the next invocation loads it anew.
        """
        self.invoked.append(function.name)
        start = self.forget_environments if self.starts_cold else None
        before = _threads_of_ours()
        ends_at = time.monotonic() + function.timeout_seconds
        context = SimpleNamespace(
            function_name=function.name,
            memory_limit_in_mb=256,
            invoked_function_arn=f"arn:aws:lambda:eu-central-1:123456789012:function:{function.name}",
            aws_request_id="id",
            get_remaining_time_in_millis=lambda: max(0, int(1000 * (ends_at - time.monotonic()))),
        )
        try:
            with self.calls.watching(function.name), self.enforcement.running(function.name, start):
                handler = importlib.import_module(f"functions.{function.name}.app").handler
                answer = handler(dict(event), context)
        except Died as death:
            self.forget_environments()
            raise InvocationFailed(f"{function.name} was killed") from death
        except Exception as error:
            raise InvocationFailed(f"{function.name} raised {error!r}") from error
        left = set(_threads_of_ours()) - set(before)
        # A function that is called over HTTP may run beside another, and then it sees the other's threads.
        is_alone = threading.current_thread() is threading.main_thread()
        assert not (left and is_alone), f"{left} run on after {function.name} has returned"
        return json.loads(json.dumps(answer))


@contextmanager
def running_stack(
    aws: Any, database: Database[dict[str, Any]], uri: str, set_variable: Callable[[str, str], None]
) -> Iterator[Stack]:
    """Run a stack on these parts; `set_variable` sets an environment variable until it ends."""
    queues = {one.name: one.name for one in _TEMPLATE.queues}
    with time_machine.travel(datetime.now(UTC)) as clock, enforced(queues) as enforcement:
        meta = serve(create_meta(app_secret=APP_SECRET))
        retell = serve(create_retell())
        stack = Stack(aws, database, uri, clock, meta, retell, enforcement)
        try:
            _prepare(stack, set_variable)
            yield stack
        finally:
            stack.calls.stop()
            for server in filter(None, (stack.site, meta, retell)):
                server.stop()
            stack.forget_environments()


def _prepare(stack: Stack, set_variable: Callable[[str, str], None]) -> None:
    sqs = stack.aws.sqs
    for queue in sorted(stack.template.queues, key=lambda one: one.dead_letters is not None):
        attributes = {"VisibilityTimeout": str(queue.visibility_seconds)}
        if queue.dead_letters:
            target = f"arn:aws:sqs:eu-central-1:123456789012:{queue.dead_letters}"
            redrive = {"deadLetterTargetArn": target, "maxReceiveCount": queue.max_receives}
            attributes["RedrivePolicy"] = json.dumps(redrive)
        stack.queues[queue.name] = sqs.create_queue(QueueName=queue.name, Attributes=attributes)["QueueUrl"]
    values = stack.queues | {
        "AWS::StackName": "test-stack",
        "SecretsKey": "alias/test-stack",
        **dict.fromkeys(("FacebookGraphUrl", "InstagramGraphUrl", "FacebookLoginUrl"), stack.meta.url),
        **dict.fromkeys(("InstagramLoginUrl", "InstagramApiUrl"), stack.meta.url),
        "RetellUrl": stack.retell.url,
    }
    for function in stack.template.functions:  # the same name has the same value in every function
        for name, value in stack.template.environment(function, values).items():
            set_variable(name, value)
    apps = stack.simulate("GET", "state")["apps"]
    named = {f"{login}App": {"id": app["id"], "secret": app["secret"]} for login, app in apps.items()}
    stack.aws.put_secret("app-secrets", json.dumps({"appSecrets": [APP_SECRET], "verifyToken": VERIFY_TOKEN} | named))
    stack.aws.put_secret("jwt", json.dumps({"keys": [JWT_KEY]}))
    stack.aws.put_secret("mongodb-uri", stack.uri)
    stack.aws.put_secret("retell-api-key", "key_test")
    forget_what_is_kept()
    stack.calls.start(stack.aws.sqs)
    for function in stack.template.functions:
        importlib.reload(importlib.import_module(f"functions.{function.name}.app"))
    invoked = [(one, lambda event, one=one: stack.invoke(one, event)) for one in stack.template.functions]
    stack.site = serve(create_site(Gateway(invoked), JWT_KEY, lambda: stack.meta.url))
    told = stack.simulate("POST", "callback", url=f"{stack.site.url}{APP_PATH}", verifyToken=VERIFY_TOKEN)
    assert told["verified"], told


def _record(message: Mapping[str, Any], queue: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:eu-central-1:123456789012:{queue}",
        "awsRegion": "eu-central-1",
    }


def _threads_of_ours() -> list[threading.Thread]:
    """Return the threads that handlers start. Servers and PyMongo have their own."""
    return [thread for thread in threading.enumerate() if thread.name in ("lease", "typing")]


def _moment(told: str) -> datetime:
    return datetime.fromisoformat(told)


def _call(method: str, url: str, body: Mapping[str, Any]) -> Any:
    answer = requests.request(method, url, json=None if method == "GET" else body, timeout=30)
    assert answer.status_code < 300, answer.text
    return answer.json() if answer.content else None
