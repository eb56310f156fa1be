"""AWS's side of the roles, in tests: a call that the running function's role does not allow is refused, as AWS does.

The tests' own calls, in the main thread and in the threads of the servers that play Meta and Retell, are not checked. A
function runs in the thread that has called its handler; a call of a thread that a function has started is checked
against the roles of all functions that run at that moment.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any

from botocore.exceptions import ClientError

from connector import aws as connector_aws
from local.roles import Call, Permission, Role, calls_of, queue_arn, resources_of_template, roles_of
from tests.conftest import PREFIX

KEY = "alias/test-stack"
_EVENT = "before-parameter-build"


class Enforcement:
    """The roles of one stack's functions."""

    def __init__(self, roles: Mapping[str, Role]) -> None:
        self.roles = roles
        self.used: set[Permission] = set()
        self.refused: list[str] = []
        self._running: list[tuple[int, str | None]] = []
        self._entering = threading.Lock()

    @contextmanager
    def running(self, function: str | None, when_idle: Callable[[], None] | None = None) -> Iterator[None]:
        """Check what this thread calls against a function's role; None for what is no function's call.

        `when_idle` is called first, unless another function runs.
        """
        entry = (threading.get_ident(), function)
        with self._entering:
            if when_idle and not any(function for _, function in self._running):
                when_idle()
            self._running.append(entry)
        try:
            yield
        finally:
            self._running.remove(entry)

    def of(self, function: str, handler: Callable[..., Any]) -> Callable[..., Any]:
        """Return a handler that is held to its function's role."""

        @wraps(handler)
        def held(*arguments: Any) -> Any:
            with self.running(function):
                return handler(*arguments)

        return held

    def look(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        """Look at a call before botocore makes it.

        Raises:
            ClientError: the role of the function that makes it does not allow it.
        """
        mine = [function for thread, function in self._running if thread == threading.get_ident()][-1:]
        if not mine and _is_of_the_test(threading.current_thread()):
            return
        functions = [function for function in mine or (each for _, each in self._running) if function is not None]
        if not functions:
            return
        service = model.service_model.service_name
        for call in calls_of(service, model.name, params, KEY):
            self._require(functions, call, model.name)

    def _require(self, functions: list[str], call: Call, operation: str) -> None:
        permissions = [used for one in functions if (used := self.roles[one].permits(call))]
        self.used.update(permissions)
        if not permissions:
            sentence = f"The role of {' or '.join(functions)} does not allow {call.action} on {call.resource}."
            self.refused.append(sentence)
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": sentence}}, operation)


def _is_of_the_test(thread: threading.Thread) -> bool:
    return thread is threading.main_thread() or thread.name.endswith("(process_request_thread)")


def values_with(queues: Mapping[str, str]) -> dict[str, str]:
    """Return what the references in the roles stand for."""
    arns = {name: queue_arn(queue) for name, queue in queues.items()}
    return {"AWS::StackName": PREFIX.removeprefix("/"), "SecretsKey": KEY, **arns}


@contextmanager
def enforced(queues: Mapping[str, str]) -> Iterator[Enforcement]:
    """Hold functions to their roles. `queues` are the names of the queues, by the name of template.yaml's resource."""
    enforcement = Enforcement(roles_of(resources_of_template(), values_with(queues)))
    clients = (connector_aws.ssm(), connector_aws.sqs())
    for client in clients:
        client.meta.events.register(_EVENT, enforcement.look)
    try:
        yield enforcement
    finally:
        for client in clients:
            client.meta.events.unregister(_EVENT, enforcement.look)
    assert not enforcement.refused, enforcement.refused
