"""Lambda's event source mapping on one machine: take messages from a queue, invoke, delete what did not fail.

A message reported in `batchItemFailures`, or whose whole batch failed, is left alone: it comes again when its
visibility ends, and goes to the dead letters when it has come too often.
"""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from local.environments import InvocationFailed
from local.template import Source

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

_LONGEST_POLL_SECONDS = 1


class Poller:
    """Feeds one function from one queue."""

    def __init__(
        self, sqs: "SQSClient", queue_url: str, source: Source, invoke: Callable[[Mapping[str, Any]], Any]
    ) -> None:
        self._sqs = sqs
        self._queue_url = queue_url
        self._source = source
        self._invoke = invoke
        self._stopping = threading.Event()
        self._free = threading.Semaphore(source.concurrency)
        self._workers = ThreadPoolExecutor(source.concurrency, thread_name_prefix=source.queue)
        self._thread = threading.Thread(target=self._poll, name=f"poll-{source.queue}", daemon=True)

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more messages, and wait for those in work."""
        self._stopping.set()
        self._thread.join()
        self._workers.shutdown(wait=True)

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._free.acquire()  # no message is taken that no worker is free for
            messages = self._receive()
            if messages:
                self._workers.submit(self._work, messages)
            else:
                self._free.release()

    def _receive(self) -> "list[MessageTypeDef]":
        try:
            return self._sqs.receive_message(
                QueueUrl=self._queue_url,
                MaxNumberOfMessages=self._source.batch_size,
                WaitTimeSeconds=_LONGEST_POLL_SECONDS,
                MessageSystemAttributeNames=["All"],
                MessageAttributeNames=["All"],
            ).get("Messages", [])
        except (BotoCoreError, ClientError):
            self._stopping.wait(0.2)
            return []

    def _work(self, messages: "list[MessageTypeDef]") -> None:
        try:
            answer = self._invoke({"Records": [_record(message, self._source.queue) for message in messages]})
            failed = {failure["itemIdentifier"] for failure in (answer or {}).get("batchItemFailures", [])}
            for message in messages:
                if message["MessageId"] not in failed:
                    self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])
        except InvocationFailed as error:
            print(f"  {error}; its log says why")
        except (BotoCoreError, ClientError):
            pass  # what is not deleted comes again
        finally:
            self._free.release()


def _record(message: "MessageTypeDef", queue: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:{queue}",
        "awsRegion": "us-east-1",
    }
