"""The roles are enforced in tests: `tests.integration.enforcing`."""

import re
from dataclasses import replace

import pytest

from tests.integration.deployment import CONNECT

# pytest sets aside the filter with which the connector silences this.
pytestmark = pytest.mark.filterwarnings("ignore:No application metrics to publish")


def test_a_call_that_the_role_does_not_allow_fails_as_at_aws(deployment):
    enforcement = deployment.enforcement
    enforcement.roles["connect"] = replace(
        enforcement.roles["connect"],
        statements=tuple(
            one for one in enforcement.roles["connect"].statements if one["Sid"] != "WriteConnectionSecrets"
        ),
    )
    status, told = deployment.call("POST", "connect", payload=CONNECT)
    assert (status, told["error"]["code"]) == (500, "internal_error")
    assert re.match(
        r"The role of connect does not allow ssm:PutParameter on arn:aws:ssm:.*/sub_1/agent_1/access-token/\w+\.$",
        enforcement.refused.pop(),
    )
