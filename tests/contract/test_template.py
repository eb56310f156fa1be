"""template.yaml: what it declares is what the documents promise, and what AWS takes."""

import importlib
import re
from datetime import timedelta
from typing import Any

import pytest
from cfnlint.api import ManualArgs, lint

from connector import deletions, records
from connector.agents.retell import COMPLETION_SECONDS
from connector.lifecycle import comparing, forgetting, upkeep
from connector.lifecycle.authorization import CALLBACK_PATH
from connector.storage import tombstones
from connector.wiring import turns
from tests.contract.deployment import FOLDERS, ROOT, Deployment, named

CONNECTION = "/api/database/{subaccountId}/chat-agents/{agentId}/instagram"
ROUTES = {
    # The documented API …
    ("POST", f"{CONNECTION}/connect"): "connect",
    ("GET", f"{CONNECTION}/authorize"): "authorize",
    ("GET", f"{CONNECTION}/status"): "status",
    ("POST", f"{CONNECTION}/send"): "send",
    ("GET", f"{CONNECTION}/messages"): "messages",
    ("GET", f"{CONNECTION}/conversations"): "conversations",
    ("GET", f"{CONNECTION}/export"): "export",
    ("POST", f"{CONNECTION}/pause"): "pause",
    ("POST", f"{CONNECTION}/resume"): "resume",
    ("GET", f"{CONNECTION}/menu"): "menu",
    ("POST", f"{CONNECTION}/menu"): "set_menu",
    ("POST", f"{CONNECTION}/recover"): "recover",
    ("POST", f"{CONNECTION}/forget"): "forget",
    ("POST", f"{CONNECTION}/disconnect"): "disconnect",
    # … and Meta's callback URLs: one for a connection, one for a Meta app that serves many agents.
    ("GET", f"{CONNECTION}/webhook"): "webhook",
    ("POST", f"{CONNECTION}/webhook"): "webhook",
    ("GET", "/api/instagram/webhook"): "webhook",
    ("POST", "/api/instagram/webhook"): "webhook",
    ("POST", f"{CONNECTION}/deauthorize"): "deauthorize",
    ("POST", "/api/instagram/deauthorize"): "deauthorize",
    ("POST", f"{CONNECTION}/delete-data"): "delete_data",
    ("POST", "/api/instagram/delete-data"): "delete_data",
    # What a browser is sent to by Meta, and where it comes back to from Meta's login.
    ("GET", "/api/instagram/deletions/{code}"): "deletion",
    ("GET", "/api/instagram/oauth/callback"): "finish_login",
    ("POST", "/api/instagram/oauth/callback"): "finish_login",
}
NO_CALLERS = {"webhook", "finish_login", "deauthorize", "delete_data", "deletion"}
API = sorted({*ROUTES.values()} - NO_CALLERS)
CONSUMERS = {"ingest": "InboxQueue", "reply": "TurnQueue"}
# AWS recommends six, for throttled functions. Ingest's events are retried sooner: see `AFTER_A_DEATH_SECONDS`.
TIMEOUTS_UNTIL_SHOWN = {"ingest": 2, "reply": 6}
AFTER_A_DEATH_SECONDS = 75  # the longest a customer waits because a worker died
SCHEDULES = {
    "sweep": "rate(1 minute)",
    "refresh": "rate(10 minutes)",
    "compare": "rate(5 minutes)",
    "erase": "rate(5 minutes)",
}

SQS_DEFAULT_VISIBILITY = 30
SQS_DEFAULT_RETENTION = 4 * 24 * 3600
API_GATEWAY_SECONDS = 30  # the longest an HTTP API waits for an integration
META_SECONDS = 5  # the longest Meta waits for a webhook
LAMBDA_AT_ONCE = 1_000  # executions in an account and region, where nobody has asked for more
LAMBDA_UNRESERVED = 100  # executions that reservations must leave unreserved, in an account with 1,000


def findings(deployed: Deployment) -> list[str]:
    """Return what cfn-lint finds in the template as it deploys."""
    matches = lint(deployed.text, config=ManualArgs(regions=["us-east-1", "eu-central-1"]))
    return [f"{match.rule.id} {match.message} (at {'/'.join(map(str, match.path or []))})" for match in matches]


def queue_problems(deployed: Deployment) -> list[str]:
    """Return what is wrong with the queues that have a consumer."""
    queues = deployed.of_type("AWS::SQS::Queue")
    problems = []
    for folder, source in deployed.sources.items():
        name = named(source["EventSourceArn"])
        queue = queues[name]
        needed = TIMEOUTS_UNTIL_SHOWN[folder] * deployed.functions[folder]["Timeout"] + source.get(
            "MaximumBatchingWindowInSeconds", 0
        )
        visible = queue.get("VisibilityTimeout", SQS_DEFAULT_VISIBILITY)
        if visible < needed:
            problems.append(f"{name} shows a message again after {visible} s, while {folder} may need {needed} s")
        if "ReportBatchItemFailures" not in source.get("FunctionResponseTypes", []):
            problems.append(f"{folder} cannot report single failures: one bad message repeats its whole batch")
        if "RedrivePolicy" not in queue:
            problems.append(f"{name} has no dead-letter queue: a message that always fails is lost unseen")
            continue
        letters = named(queue["RedrivePolicy"]["deadLetterTargetArn"])
        kept = queues[letters].get("MessageRetentionPeriod", SQS_DEFAULT_RETENTION)
        if kept < queue.get("MessageRetentionPeriod", SQS_DEFAULT_RETENTION):
            problems.append(f"{letters} forgets before {name} does: SQS counts the age from the first send")
    return problems


# ── As a whole ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_cfn_lint_finds_nothing_in_the_template_as_it_deploys(deployed):
    assert findings(deployed) == []


def test_the_lint_finds_a_visibility_timeout_below_the_functions_timeout(deployed):
    found = findings(deployed.with_change("InboxQueue", "VisibilityTimeout", 10))

    assert any("E3505" in one for one in found), f"the lint above cannot fail: {found}"


def test_each_functions_folder_is_one_function_of_the_template(deployed):
    assert sorted(deployed.logical_ids) == FOLDERS
    assert len(deployed.of_type("AWS::Lambda::Function")) == len(FOLDERS)


def test_every_function_runs_the_same_python_on_arm64_with_the_one_layer(deployed):
    (layer,) = deployed.of_type("AWS::Lambda::LayerVersion")

    for folder, function in deployed.functions.items():
        told = {name: function[name] for name in ("Runtime", "Architectures", "Handler", "Layers")}
        assert told == {
            "Runtime": "python3.13",
            "Architectures": ["arm64"],
            "Handler": "app.handler",
            "Layers": [{"Ref": layer}],
        }, folder


def test_the_layer_is_built_for_what_the_functions_run_on(deployed):
    layer = deployed.source["Resources"]["ConnectorLayer"]

    assert layer["Properties"]["CompatibleRuntimes"] == ["python3.13"]
    assert layer["Properties"]["CompatibleArchitectures"] == ["arm64"]
    assert layer["Metadata"] == {"BuildMethod": "makefile", "BuildArchitecture": "arm64"}


def test_every_parameter_says_what_it_is_for_and_has_a_default(deployed):
    lacking = [
        name
        for name, parameter in deployed.template["Parameters"].items()
        if not parameter.get("Description") or "Default" not in parameter
    ]

    assert lacking == [], "make run, and a deployment without answers, take the defaults"


def test_the_outputs_name_the_api_and_both_callback_urls(deployed):
    values = {name: output["Value"] for name, output in deployed.template["Outputs"].items()}

    assert values["ApiUrl"] == {"Fn::GetAtt": ["Api", "ApiEndpoint"]}
    # A Function URL ends in a slash.
    base = "${WebhookFunctionUrl.FunctionUrl}"
    assert values["WebhookUrl"]["Fn::Sub"].replace("${!", "{") == f"{base}{CONNECTION.removeprefix('/')}/webhook"
    assert values["AppWebhookUrl"] == {"Fn::Sub": f"{base}api/instagram/webhook"}
    assert values["LoginCallbackUrl"] == {"Fn::Sub": f"${{Api.ApiEndpoint}}{CALLBACK_PATH}"}
    assert all(output.get("Description") for output in deployed.template["Outputs"].values())


# ── What is public ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a25_the_api_has_exactly_the_documented_routes_each_with_its_function(deployed):
    assert deployed.routes == ROUTES


def test_h19_only_the_origins_of_the_parameter_may_read_answers(deployed):
    (api,) = deployed.of_type("AWS::ApiGatewayV2::Api").values()
    condition, rules, otherwise = api["Body"]["x-amazon-apigateway-cors"]["Fn::If"]

    assert deployed.template["Conditions"][condition] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "AllowedOrigins"}, ""]}]}
    assert otherwise == {"Ref": "AWS::NoValue"}
    # SAM has put the parameter's value in, here its default.
    assert rules["allowOrigins"] == {"Fn::Split": [",", ""]}
    assert "allowCredentials" not in rules, "callers send a bearer token and no cookies"
    assert not [method for method, _ in ROUTES if method == "OPTIONS"], "the gateway answers preflights without a JWT"


@pytest.mark.parametrize(
    ("origins", "allowed"),
    [
        ("", True),
        ("https://app.example.com", True),
        ("https://app.example.com,http://localhost:5173", True),
        ("*", False),
        ("https://*.example.com", False),
        ("https://app.example.com/", False),
        ("https://app.example.com, https://www.example.com", False),
        ("null", False),
    ],
)
def test_h19_an_allowed_origin_is_an_exact_one(deployed, origins, allowed):
    parameter = deployed.template["Parameters"]["AllowedOrigins"]

    assert parameter["Default"] == ""
    assert bool(re.fullmatch(parameter["AllowedPattern"], origins)) is allowed


def test_h20_the_gateway_refuses_a_flood_before_a_function_runs_and_metas_own_address_is_not_behind_it(deployed):
    """For each route: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-throttling.html."""
    (stage,) = deployed.of_type("AWS::ApiGatewayV2::Stage").values()
    bounds = stage["DefaultRouteSettings"]

    assert 0 < bounds["ThrottlingRateLimit"] <= bounds["ThrottlingBurstLimit"] < LAMBDA_AT_ONCE
    assert "RouteSettings" not in stage, "a route has bounds of its own: mend this test"
    assert deployed.of_type("AWS::Lambda::Url"), "Meta's notifications have a way past the gateway"


def test_only_the_webhook_has_a_function_url(deployed):
    urls = [named(url["TargetFunctionArn"]) for url in deployed.of_type("AWS::Lambda::Url").values()]

    assert urls == [deployed.logical_ids["webhook"]]


def test_the_function_url_is_open_to_meta_which_cannot_sign_with_iam(deployed):
    (url,) = deployed.of_type("AWS::Lambda::Url").values()
    public = [one for one in deployed.of_type("AWS::Lambda::Permission").values() if one["Principal"] == "*"]

    assert url["AuthType"] == "NONE"
    # Lambda asks for both since October 2025.
    assert {one["Action"] for one in public} == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
    for one in public:
        assert named(one["FunctionName"]) == deployed.logical_ids["webhook"]
        assert one.get("FunctionUrlAuthType") == "NONE" or one.get("InvokedViaFunctionUrl") is True, (
            f"{one} lets anybody invoke the function by Lambda's API"
        )


def test_nothing_else_than_the_api_and_a_functions_own_schedule_may_invoke_it(deployed):
    others = [
        one
        for one in deployed.of_type("AWS::Lambda::Permission").values()
        if one["Principal"] not in ("*", "apigateway.amazonaws.com")
    ]

    rules = {
        ("events.amazonaws.com", named(target["Arn"]), name)
        for name, rule in deployed.of_type("AWS::Events::Rule").items()
        for target in rule["Targets"]
    }
    assert {(one["Principal"], named(one["FunctionName"]), named(one["SourceArn"])) for one in others} == rules
    assert {function for _, function, _ in rules} == {deployed.logical_ids[folder] for folder in SCHEDULES}


@pytest.mark.parametrize("folder", API)
def test_the_code_answers_the_route_that_the_template_leads_to_it(deployed, folder):
    app = importlib.import_module(f"functions.{folder}.app").app
    answered = {
        (method.upper(), re.sub(r"\{\w+}", "{}", path))
        for path, item in app.get_openapi_schema(title=folder, version="1")
        .model_dump(exclude_none=True)["paths"]
        .items()
        for method in item
    }

    routed = {
        (method, re.sub(r"\{\w+}", "{}", path)) for (method, path), one in deployed.routes.items() if one == folder
    }
    assert answered == routed


# ── Network ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_function_runs_in_the_subnets_of_the_parameters_or_in_no_vpc(deployed):
    network = {"SubnetIds": {"Ref": "SubnetIds"}, "SecurityGroupIds": {"Ref": "SecurityGroupIds"}}

    for folder, function in deployed.functions.items():
        assert function["VpcConfig"] == {"Fn::If": ["RunsInVpc", network, {"Ref": "AWS::NoValue"}]}, folder


def test_in_a_vpc_every_role_may_attach_its_function(deployed):
    policy = deployed.template["Resources"]["NetworkInterfacesPolicy"]

    assert policy["Condition"] == "RunsInVpc"
    assert {one["Ref"] for one in policy["Properties"]["Roles"]} == {deployed.role_id(folder) for folder in FOLDERS}


# ── Queues and time ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_queue_has_the_consumer_it_is_meant_for(deployed):
    assert {folder: named(one["EventSourceArn"]) for folder, one in deployed.sources.items()} == CONSUMERS


def test_b8_b10_every_consumed_queue_waits_long_enough_and_loses_nothing(deployed):
    assert queue_problems(deployed) == []


@pytest.mark.parametrize(
    ("resource", "name", "value", "problem"),
    [
        ("TurnQueue", "VisibilityTimeout", 600, "TurnQueue shows a message again"),
        ("IngestFunctionInbox", "FunctionResponseTypes", [], "ingest cannot report"),
        ("TurnDeadLetters", "MessageRetentionPeriod", 3600, "TurnDeadLetters forgets"),
    ],
)
def test_the_check_of_the_queues_can_fail(deployed, resource, name, value, problem):
    found = queue_problems(deployed.with_change(resource, name, value))

    assert len(found) == 1, found
    assert found[0].startswith(problem)


def test_b10_a_message_is_tried_often_enough_to_outlast_a_short_fault(deployed):
    queues = deployed.of_type("AWS::SQS::Queue")

    tries = {name: queues[name]["RedrivePolicy"]["maxReceiveCount"] for name in CONSUMERS.values()}
    assert all(count >= 5 for count in tries.values()), f"{tries}: AWS advises at least 5 for a Lambda consumer"


def test_an_event_is_renewed_before_its_queue_gives_it_up(deployed):
    inbox = deployed.of_type("AWS::SQS::Queue")["InboxQueue"]

    assert inbox["RedrivePolicy"]["maxReceiveCount"] > records.RENEWED_AT


def test_a_tombstone_outlives_every_copy_of_an_event(deployed):
    queues = deployed.of_type("AWS::SQS::Queue")
    kept = [timedelta(seconds=queues[name]["MessageRetentionPeriod"]) for name in ("InboxQueue", "InboxDeadLetters")]

    assert sum(kept, timedelta()) <= deletions.COPY_LIVES, "a redrive on its last day is not stored"
    assert tombstones.LIVES > deletions.EVENT_LIVES + deletions.COPY_LIVES


def test_d12_each_turn_has_a_worker_of_its_own_and_no_more_work_at_once_than_the_deployment_allows(deployed):
    source = deployed.sources["reply"]

    assert source["BatchSize"] == 1, "a slow agent would keep the turns behind it waiting in the same worker"
    assert source["ScalingConfig"] == {"MaximumConcurrency": {"Ref": "MaximumReplies"}}


def test_c2_c3_the_sweep_runs_every_minute_and_is_over_before_it_runs_again(deployed):
    assert deployed.schedules == SCHEDULES
    assert deployed.functions["sweep"]["Timeout"] < 60


def test_a_scheduled_run_is_neither_repeated_nor_late(deployed):
    """The next run is the retry. Two at once would write to SSM at twice the pace."""
    none = {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60}
    by_lambda = {
        named(one["FunctionName"]): {name: one[name] for name in none}
        for one in deployed.of_type("AWS::Lambda::EventInvokeConfig").values()
    }
    by_rule = {
        named(target["Arn"]): target["RetryPolicy"]
        for rule in deployed.of_type("AWS::Events::Rule").values()
        for target in rule["Targets"]
    }

    assert by_rule == {deployed.logical_ids[folder]: none for folder in SCHEDULES}
    assert by_lambda == by_rule | {deployed.logical_ids["indexes"]: none}


def test_i9_one_run_of_refresh_is_over_before_the_next(deployed):
    timeout = deployed.functions["refresh"]["Timeout"]

    assert upkeep.RUN_SECONDS + 120 < timeout < 600, "the last visit begins when the run's time is nearly over"


def test_one_run_of_compare_is_over_before_the_next(deployed):
    longest = comparing.RUN_SECONDS + comparing.LONGEST.total_seconds()

    assert longest + 25 < deployed.functions["compare"]["Timeout"] < 300, "the last call begins when the time is over"


def test_one_run_of_erase_is_over_before_the_next(deployed):
    app = importlib.import_module("functions.erase.app")
    longest = app.DELETING_SECONDS + forgetting.AT_A_TIME_SECONDS + app.KEEPING_SECONDS

    assert longest + 30 < deployed.functions["erase"]["Timeout"] < 300, "the last one begins when the time is over"


def test_no_function_of_the_api_outlives_the_gateways_patience(deployed):
    timeouts = {folder: deployed.functions[folder]["Timeout"] for folder in (*API, *NO_CALLERS - {"webhook"})}

    assert all(timeout < API_GATEWAY_SECONDS for timeout in timeouts.values()), timeouts


def test_c3_c14_a_dead_workers_turn_is_taken_over_in_time(deployed):
    until_swept = turns.LEASE.total_seconds() + 60

    assert until_swept < AFTER_A_DEATH_SECONDS
    assert deployed.of_type("AWS::SQS::Queue")["InboxQueue"]["VisibilityTimeout"] < AFTER_A_DEATH_SECONDS


def test_d2_the_agent_has_all_the_time_it_may_take_within_its_function(deployed):
    needed = COMPLETION_SECONDS + 3 * 10  # opening a session, and sending two parts

    assert deployed.functions["reply"]["Timeout"] >= needed


def fed_by(deployed: Deployment, folder: str) -> set[str]:
    """Return the functions that get messages which come from one function, at any remove."""
    consumers = {named(source["EventSourceArn"]): name for name, source in deployed.sources.items()}
    reached: set[str] = set()
    waiting = [folder]
    while waiting:
        queues = deployed.queues(waiting.pop(), "sqs:SendMessage")
        new = {consumers[queue] for queue in queues} - reached
        reached |= new
        waiting += new
    return reached


def test_lambda_does_not_stop_functions_that_feed_themselves(deployed):
    """By default after about 16 rounds: https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html."""
    loops = {folder for folder in FOLDERS if folder in fed_by(deployed, folder)}

    assert loops == {"ingest", "reply"}
    allowed = {folder for folder, one in deployed.functions.items() if one.get("RecursiveLoop") == "Allow"}
    assert allowed == loops


# ── Concurrency ──────────────────────────────────────────────────────────────────────────────────────────────────────


def reservation(condition: str, parameter: str) -> Any:
    return {"Fn::If": [condition, {"Ref": parameter}, {"Ref": "AWS::NoValue"}]}


def concurrency_problems(deployed: Deployment) -> list[str]:
    """Return the functions whose concurrency has no bound of their kind."""
    expected = {
        **dict.fromkeys(set(ROUTES.values()), reservation("ReservesForApi", "ApiConcurrency")),
        "webhook": reservation("ReservesForWebhook", "WebhookConcurrency"),
        # The event source's MaximumConcurrency, or one run at a time, or the operator alone.
        **{folder: {"Ref": "AWS::NoValue"} for folder in (*CONSUMERS, *SCHEDULES, "indexes")},
    }
    found = {folder: one.get("ReservedConcurrentExecutions") for folder, one in deployed.functions.items()}
    unbounded = {folder for folder in CONSUMERS if "ScalingConfig" not in deployed.sources[folder]}
    return sorted(folder for folder in found if found[folder] != expected[folder] or folder in unbounded)


def test_every_functions_concurrency_has_a_bound(deployed):
    assert concurrency_problems(deployed) == []


@pytest.mark.parametrize(
    ("resource", "name", "folder"),
    [
        ("WebhookFunction", "ReservedConcurrentExecutions", "webhook"),
        ("SendFunction", "ReservedConcurrentExecutions", "send"),
        ("IngestFunctionInbox", "ScalingConfig", "ingest"),
    ],
)
def test_the_check_of_concurrency_can_fail(deployed, resource, name, folder):
    assert concurrency_problems(deployed.without(resource, name)) == [folder]


@pytest.mark.parametrize("name", ["Webhook", "Api"])
def test_no_concurrency_is_reserved_by_default(deployed, name):
    """AWS refuses a reservation that leaves a new account fewer than its 10 executions: the first deploy would fail."""
    assert deployed.template["Parameters"][f"{name}Concurrency"]["Default"] == 0
    no_reservation = {"Fn::Not": [{"Fn::Equals": [{"Ref": f"{name}Concurrency"}, 0]}]}
    assert deployed.template["Conditions"][f"ReservesFor{name}"] == no_reservation


def test_the_advised_reservations_fit_an_account(deployed):
    page = (ROOT / "docs" / "deploy.md").read_text()
    advised = {name: int(value) for name, value in re.findall(r"`(Webhook|Api)Concurrency=(\d+)`", page)}

    reserved = advised["Webhook"] + advised["Api"] * len(set(ROUTES.values()) - {"webhook"})
    replies = deployed.template["Parameters"]["MaximumReplies"]["Default"]
    ingest = deployed.sources["ingest"]["ScalingConfig"]["MaximumConcurrency"]
    assert reserved + max(LAMBDA_UNRESERVED, replies + ingest + len(SCHEDULES)) <= LAMBDA_AT_ONCE


def test_the_advised_limits_fit_the_connections_of_atlas(deployed):
    """Each environment has two connections to the primary: see integration/test_sockets.py."""
    page = (ROOT / "docs" / "deploy.md").read_text()
    at_most = {}
    for tiers, connections, environments in re.findall(
        r"^\| (M\S.*?) \| ([\d,]+).*? \| ([\d,]+).*? \|$", page, re.MULTILINE
    ):
        at_most[tiers], expected = (int(number.replace(",", "")) for number in (environments, connections))
        assert at_most[tiers] == (expected - 10) // 2, tiers
    replies = deployed.template["Parameters"]["MaximumReplies"]["Default"]
    workers = replies + deployed.sources["ingest"]["ScalingConfig"]["MaximumConcurrency"] + len(SCHEDULES)
    api = len(set(ROUTES.values()) - {"webhook"})
    assert f"(environments at most − {workers}) ÷ {api}" in page
    free, small = ((at_most[tier] - workers) // api for tier in ("M0, Flex", "M10"))
    assert f"That is {free} for M0 and {small} for M10" in page


def test_every_parameter_is_on_the_page_about_deployment(deployed):
    page = (ROOT / "docs" / "deploy.md").read_text().partition("## Parameters")[2].partition("\n## ")[0]
    assert sorted(deployed.template["Parameters"]) == sorted(set(re.findall(r"`([A-Z][A-Za-z]+)`", page)))


# ── Logs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_function_has_a_log_group_of_its_own_that_forgets(deployed):
    groups = {folder: one["LoggingConfig"]["LogGroup"]["Ref"] for folder, one in deployed.functions.items()}
    declared = deployed.of_type("AWS::Logs::LogGroup")

    assert len(set(groups.values())) == len(groups), "two functions share a log group"
    assert {*groups.values(), "ApiLogs"} == set(declared)
    forever = [name for name, group in declared.items() if "RetentionInDays" not in group]
    assert forever == [], "AWS keeps these logs for ever, with what they say of customers"


def test_the_access_log_needs_no_entry_in_the_accounts_log_policy(deployed):
    (stage,) = deployed.of_type("AWS::ApiGatewayV2::Stage").values()
    group = deployed.of_type("AWS::Logs::LogGroup")[named(stage["AccessLogSettings"]["DestinationArn"])]

    assert group["LogGroupName"]["Fn::Sub"].startswith("/aws/vendedlogs/")


def test_nothing_of_the_machine_it_was_written_on_is_in_the_template():
    text = (ROOT / "template.yaml").read_text()

    assert not re.search(r"\b\d{12}\b|/home/|/Users/|localhost|127\.0\.0\.1", text)
