"""The receiving side of a queue: each record on its own, and only what failed comes again.

Lambda deletes what is not reported. A record reported as failed comes again when its visibility ends, which by default
is six times the function's timeout; for a failure that was foreseen, it is shortened to a back-off.

A queue moves a record to its dead letters after so many receives. An outage of the database may last longer than they
do, so a record that has only met foreseen failures is sent anew before it has used them up.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from botocore.exceptions import BotoCoreError, ClientError

from connector import aws
from connector.errors import ConnectorError, Misconfigured, TryLater, Unavailable
from connector.gateway import LambdaAnswer, LambdaEvent
from connector.logs import count, log_crash, log_scope, logger, metrics

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import SendMessageRequestTypeDef

_BACK_OFF_SECONDS = (5, 15, 45, 120, 300)
RENEWED_AT = 20
"""The receive at which a record is sent anew; fewer than its queue allows."""

type Handler = Callable[[LambdaEvent, Any], LambdaAnswer]


def entry(work: Callable[[str], None], queue_url: Callable[[], str], *, renews: bool = False) -> Handler:
    """Return the Lambda handler of a function that does `work` on the body of every record of a queue.

    A `ConnectorError` puts its record off. So does anything unexpected, which is logged as a crash; a body that is none
    of ours goes the same way to the dead-letter queue, where somebody will see it. When the database or SSM fails, the
    rest of the batch is put off unprocessed: each record would wait for the same timeout. With `renews` a record that
    is put off for the twentieth time is sent anew, so that an outage of days moves nothing to the dead letters.
    """

    @logger.inject_lambda_context
    @metrics.log_metrics
    def handler(event: LambdaEvent, context: Any) -> LambdaAnswer:
        outage: list[ConnectorError] = []

        def attempt(body: str) -> None:
            if outage:
                raise outage[0]
            work(body)

        def take(record: SQSRecord) -> None:
            with log_scope(messageId=record.message_id):
                try:
                    attempt(record.body)
                except ConnectorError as error:
                    if isinstance(error, Unavailable | Misconfigured):
                        outage[:] = [error]
                    if not (renews and _receives(record) >= RENEWED_AT and _renew(queue_url(), record)):
                        _put_off(queue_url(), record, error)
                        raise
                except Exception as error:
                    log_crash(error)
                    raise

        processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
        return {**process_partial_response(dict(event), take, processor, context)}

    return handler


def _receives(record: SQSRecord) -> int:
    return int(record.attributes.approximate_receive_count or 1)


def _renew(queue_url: str, record: SQSRecord) -> bool:
    """Send a record anew, which starts its count of receives again. Returns whether the queue has it.

    Where this worker dies before Lambda deletes the old one there are two, and the work is the same done twice.
    """
    message: SendMessageRequestTypeDef = {
        "QueueUrl": queue_url,
        "MessageBody": record.body,
        "DelaySeconds": _BACK_OFF_SECONDS[-1],
    }
    if group := record.attributes.message_group_id:
        message["MessageGroupId"] = group
    try:
        aws.sqs().send_message(**message)
    except (ClientError, BotoCoreError):
        logger.warning("record not renewed")
        return False
    count("Renewed")
    return True


def _put_off(queue_url: str, record: SQSRecord, error: ConnectorError) -> None:
    """Let a record come again after a back-off; it is longer where the other side asks for that."""
    back_off = _BACK_OFF_SECONDS[min(_receives(record), len(_BACK_OFF_SECONDS)) - 1]
    seconds = max(back_off, error.after_seconds) if isinstance(error, TryLater) else back_off
    logger.warning("put off", extra={"code": error.code, "why": error.message, "seconds": seconds})
    count("PutOff")
    try:
        aws.sqs().change_message_visibility(
            QueueUrl=queue_url, ReceiptHandle=record.receipt_handle, VisibilityTimeout=seconds
        )
    except (ClientError, BotoCoreError):
        # Then it comes again when its visibility ends by itself: later, but it comes.
        logger.warning("visibility not changed")
