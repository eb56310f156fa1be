"""The receiving side of a queue: each record on its own, and only what failed comes again.

Lambda deletes what is not reported. A record reported as failed comes again when its visibility ends, which by default
is six times the function's timeout; for a failure that was foreseen, it is shortened to a back-off.
"""

from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from botocore.exceptions import BotoCoreError, ClientError

from connector import aws
from connector.errors import ConnectorError, TryLater
from connector.gateway import LambdaAnswer, LambdaEvent
from connector.logs import count, log_crash, logger, metrics

_BACK_OFF_SECONDS = (5, 15, 45, 120, 300)


type Handler = Callable[[LambdaEvent, Any], LambdaAnswer]


def entry(work: Callable[[str], None], queue_url: Callable[[], str]) -> Handler:
    """Return the Lambda handler of a function that does `work` on the body of every record of a queue.

    A `ConnectorError` puts its record off. So does anything unexpected, which is logged as a crash; a body that is none
    of ours goes the same way to the dead-letter queue, where somebody will see it.
    """

    def take(record: SQSRecord) -> None:
        try:
            work(record.body)
        except ConnectorError as error:
            wait = _wait_seconds(record, error)
            logger.warning("put off", extra={"code": error.code, "why": error.message, "seconds": wait})
            count("PutOff")
            _put_off(queue_url(), record, wait)
            raise
        except Exception as error:
            log_crash(error)
            raise

    @logger.inject_lambda_context
    @metrics.log_metrics
    def handler(event: LambdaEvent, context: Any) -> LambdaAnswer:
        processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
        return {**process_partial_response(dict(event), take, processor, context)}

    return handler


def _wait_seconds(record: SQSRecord, error: ConnectorError) -> int:
    tries = int(record.attributes.approximate_receive_count or 1)
    back_off = _BACK_OFF_SECONDS[min(tries, len(_BACK_OFF_SECONDS)) - 1]
    # What the other side asked for is the least; an outage lasts longer than it says.
    return max(back_off, error.after_seconds) if isinstance(error, TryLater) else back_off


def _put_off(queue_url: str, record: SQSRecord, seconds: int) -> None:
    try:
        aws.sqs().change_message_visibility(
            QueueUrl=queue_url, ReceiptHandle=record.receipt_handle, VisibilityTimeout=seconds
        )
    except (ClientError, BotoCoreError):
        # Then it comes again when its visibility ends by itself: later, but it comes.
        logger.warning("visibility not changed")
