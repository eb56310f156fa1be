"""Putting messages on a queue.

`MessageGroupId` on a standard queue is SQS's fair-queue group: one noisy account does not starve the others.
"""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from connector.envelopes import Envelope, write
from connector.errors import Unavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

# SendMessageBatch takes ten messages, and 1 MiB in all (Amazon SQS, "Message quotas").
_BATCH = 10
_BATCH_BYTES = 1_000_000
MAX_BODY_BYTES = 500_000


class Queue:
    """One SQS queue, for sending."""

    def __init__(self, sqs: "SQSClient", url: str) -> None:
        self._sqs = sqs
        self._url = url

    def send(self, message: Envelope, *, delay_seconds: int = 0) -> None:
        """Send one message, to be delivered after `delay_seconds` (0 to 900).

        Raises:
            Unavailable: SQS did not take it.
        """
        self.send_all([message], delay_seconds=delay_seconds)

    def send_all(self, messages: Iterable[Envelope], *, delay_seconds: int = 0) -> int:
        """Send many messages, and return how many were left out: over 500 kB, or nested past reason, and so no message.

        When it returns, SQS has all the others; when it raises, SQS may have some.

        Raises:
            Unavailable: SQS did not take all of them.
        """
        written = [(message.group, _written(message)) for message in messages]
        fitting = [(group, body) for group, body in written if body and len(body) <= MAX_BODY_BYTES]
        for batch in _batches(fitting):
            entries: list[SendMessageBatchRequestEntryTypeDef] = [
                {
                    "Id": str(index),
                    "MessageBody": body,
                    "MessageGroupId": _group(group),
                    "DelaySeconds": delay_seconds,
                }
                for index, (group, body) in enumerate(batch)
            ]
            # SendMessageBatch answers 200 with a list of failures; those are tried once more.
            if failed := self._send_batch(entries):
                failed = self._send_batch([entry for entry in entries if entry["Id"] in failed])
            if failed:
                raise Unavailable("The queue did not take every message.")
        return len(written) - len(fitting)

    def _send_batch(self, entries: "list[SendMessageBatchRequestEntryTypeDef]") -> set[str]:
        try:
            answer = self._sqs.send_message_batch(QueueUrl=self._url, Entries=entries)
        except (ClientError, BotoCoreError) as error:
            raise Unavailable("The queue does not answer.") from error
        return {failed["Id"] for failed in answer.get("Failed", [])}


def _written(message: Envelope) -> str:
    """Return the body, or "" for what is nested so deeply that Python gives up."""
    try:
        return write(message)
    except RecursionError:
        return ""


def _batches(messages: list[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    batch: list[tuple[str, str]] = []
    size = 0
    for group, body in messages:
        if batch and (len(batch) == _BATCH or size + len(body) > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((group, body))
        size += len(body)
    if batch:
        yield batch


def _group(name: str) -> str:
    """Return a group id that SQS takes (at most 128 characters of a small set), whatever Meta wrote."""
    return name if name.isascii() and name.isalnum() and len(name) <= 64 else sha256(name.encode()).hexdigest()
