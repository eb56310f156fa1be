"""GET and POST …/instagram/webhook: answer Meta's handshake, and queue what it tells us."""

from connector import aws, settings
from connector.gateway import LambdaAnswer, LambdaEvent, Request, answer_text
from connector.handlers import http_handler
from connector.logs import logger
from connector.queues import Queue
from connector.storage.parameters import Parameters
from connector.storage.secrets import Secrets
from connector.webhook import Webhook

webhook = Webhook(
    Secrets(Parameters(aws.ssm(), settings.parameter_prefix())),
    Queue(aws.sqs(), settings.inbox_queue_url()),
)


def _answer(event: LambdaEvent, _: object) -> LambdaAnswer:
    request = Request.of(event)
    if request.method == "GET":
        return answer_text(200, webhook.handshake(request))
    logger.info("events queued", extra={"events": webhook.receive(request)})
    return answer_text(200, "EVENT_RECEIVED")


handler = http_handler(_answer)
