"""The evaluation of the functions' roles: `local.roles`."""

import pytest

from local.roles import ACCOUNT, REGION, Call, Role, calls_of, resources_of_template, roles_of

PARAMETERS = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/stack"
READ = {"Sid": "Read", "Effect": "Allow", "Action": "ssm:GetParameter", "Resource": f"{PARAMETERS}/connections/*/token"}


def decrypt(**conditions):
    return {"Sid": "Key", "Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": "key", "Condition": conditions}


def allowed(*statements, name="/stack/connections/a/token", operation="GetParameter", **parameters):
    """Return whether a role with these statements allows a read with decryption."""
    role = Role("f", statements)
    calls = calls_of("ssm", operation, {"Name": name, "WithDecryption": True} | parameters, "key")
    return all(role.permits(call) for call in calls)


def test_a_read_needs_the_parameter_and_the_key():
    assert allowed(READ, decrypt())
    assert not allowed(READ)
    assert not allowed(decrypt())


@pytest.mark.parametrize("name", ["/stack/jwt", "/stack/connections/a/webhook", "/other/connections/a/token"])
def test_another_parameter_is_refused(name):
    assert not allowed(READ, decrypt(), name=name)


def test_a_version_is_no_part_of_the_name():
    assert allowed(READ, decrypt(), name="/stack/connections/a/token:3")


def test_a_deny_wins():
    assert not allowed(READ, decrypt(), READ | {"Effect": "Deny", "Resource": "*"})


@pytest.mark.parametrize(
    ("condition", "is_met"),
    [
        ({"StringEquals": {"kms:ViaService": f"ssm.{REGION}.amazonaws.com"}}, True),
        ({"StringEquals": {"kms:ViaService": f"sqs.{REGION}.amazonaws.com"}}, False),
        ({"StringLike": {"kms:EncryptionContext:PARAMETER_ARN": f"{PARAMETERS}/*"}}, True),
        ({"StringLike": {"kms:EncryptionContext:PARAMETER_ARN": f"{PARAMETERS}/jwt"}}, False),
        ({"StringEquals": {"aws:Unknown": "x"}}, False),
    ],
    ids=str,
)
def test_the_conditions_of_a_statement_are_met_or_it_does_not_count(condition, is_met):
    assert allowed(READ, decrypt(**condition)) is is_met


def test_an_operator_that_is_not_known_here_is_an_error():
    with pytest.raises(KeyError):
        allowed(READ, decrypt(NumericLessThan={"kms:ViaService": "1"}))


def test_a_parameter_is_written_with_the_key_of_the_stack():
    written = {"Name": "/stack/a", "Type": "SecureString"}
    (_, encrypt) = calls_of("ssm", "PutParameter", written | {"KeyId": "key"}, "key")
    assert (encrypt.action, encrypt.resource) == ("kms:Encrypt", "key")
    (_, encrypt) = calls_of("ssm", "PutParameter", written, "key")
    assert encrypt.resource == "alias/aws/ssm"


@pytest.mark.parametrize(
    ("tier", "actions"),
    [
        ("Standard", ["kms:Encrypt"]),
        ("Advanced", ["kms:GenerateDataKey"]),
        ("Intelligent-Tiering", ["kms:Encrypt", "kms:GenerateDataKey"]),
    ],
)
def test_the_tier_decides_how_kms_encrypts_a_parameter(tier, actions):
    written = {"Name": "/stack/a", "Type": "SecureString", "KeyId": "key", "Tier": tier}
    assert [call.action for call in calls_of("ssm", "PutParameter", written, "key")] == ["ssm:PutParameter", *actions]


def test_a_batch_has_the_action_of_its_operation():
    (call,) = calls_of("sqs", "SendMessageBatch", {"QueueUrl": "https://sqs/1/Turns"}, "key")
    assert call == Call("sqs:SendMessage", f"arn:aws:sqs:{REGION}:{ACCOUNT}:Turns")


@pytest.mark.parametrize("operation", ["DescribeParameters", "LabelParameterVersion"])
def test_an_operation_that_is_not_known_here_is_an_error(operation):
    with pytest.raises(LookupError, match=operation):
        calls_of("ssm", operation, {}, "key")


def test_every_function_of_the_template_has_a_role_with_permissions():
    values = {"AWS::StackName": "stack", "SecretsKey": "key"}
    assert all(role.permissions for role in roles_of(resources_of_template(), values).values())
