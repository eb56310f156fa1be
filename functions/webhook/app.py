"""GET and POST …/instagram/webhook: answer Meta's handshake, and queue what it tells us."""

from connector import aws, settings
from connector.errors import ConnectorError
from connector.gateway import LambdaAnswer, LambdaEvent, Request, answer_error, answer_text
from connector.logs import log_refusal, logger, metrics
from connector.queues import Queue
from connector.storage.parameters import Parameters
from connector.storage.secrets import Secrets
from connector.webhook import Webhook

webhook = Webhook(
    Secrets(Parameters(aws.ssm(), settings.parameter_prefix())),
    Queue(aws.sqs(), settings.inbox_queue_url()),
)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: LambdaEvent, context: object) -> LambdaAnswer:
    """Answer one request of Meta's."""
    try:
        request = Request.of(event)
        if request.method == "GET":
            return answer_text(200, webhook.handshake(request))
        logger.info("events queued", extra={"events": webhook.receive(request)})
        return answer_text(200, "EVENT_RECEIVED")
    except ConnectorError as error:
        log_refusal(error)
        return answer_error(error)
