"""Lambda handlers: the log scope, metrics and last error handling that functions of one kind share."""

from collections.abc import Callable
from typing import Any

from connector.errors import ConnectorError, NotSetUp
from connector.gateway import REQUEST_ID, LambdaAnswer, LambdaEvent, answer_error, request_id_of
from connector.logs import count, log_crash, log_refusal, log_scope, logger, metrics

type Handler = Callable[[LambdaEvent, Any], LambdaAnswer]
type TellError = Callable[[ConnectorError, str], LambdaAnswer]
"""Returns the answer for an error; the text is the request id."""


def http_handler(answer: Handler, tell_error: TellError = answer_error) -> Handler:
    """Return the Lambda handler of a function that HTTP requests reach.

    Each log line and each answer carries the request id that API Gateway's access log has too.
    """

    @logger.inject_lambda_context
    @metrics.log_metrics
    def handler(event: LambdaEvent, context: Any) -> LambdaAnswer:
        request_id = request_id_of(event)
        with log_scope(requestId=request_id):
            try:
                response = answer(event, context)
            except ConnectorError as error:
                log_refusal(error)
                response = tell_error(error, request_id)
            except Exception as error:  # noqa: BLE001 - the last line of defence: the one error shape, whatever happened
                log_crash(error)
                response = tell_error(ConnectorError("unexpected"), request_id)
        return {**response, "headers": response["headers"] | {REQUEST_ID: request_id}}

    return handler


def scheduled_handler(run: Callable[[], None]) -> Callable[[dict[str, Any], Any], None]:
    """Return the Lambda handler of a function that a schedule invokes.

    Any other error fails the invocation, and the next run does the work. Between the deployment and the creation of its
    SSM parameters there is no work, so a run then succeeds and logs which parameter is missing.
    """

    @logger.inject_lambda_context
    @metrics.log_metrics
    def handler(_event: dict[str, Any], _context: Any) -> None:
        with log_scope():
            try:
                run()
            except NotSetUp as error:
                count("NotSetUp")
                logger.warning("not set up yet", extra={"why": error.message})

    return handler
