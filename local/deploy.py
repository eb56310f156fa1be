"""`make deploy`: check what a deployment needs, each in seconds and with a remedy, then build and deploy.

The stack's options are in samconfig.toml, which is never written to. Parameters of one's own are in deploy.toml, which
git ignores: SAM reads it as it is.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.errors import CannotStart
from local.template import ROOT, read_parameters

if TYPE_CHECKING:
    from boto3.session import Session

_TIMEOUT_SECONDS = 3
_QUESTIONS = {
    "AllowedOrigins": "Origins of your frontend, such as https://app.example.com, comma-separated (empty for none)",
}
"""The parameters without a sensible default, which are asked for once."""
_HEADER = """\
# Parameters of your deployment, by their names in template.yaml; docs/deploy.md lists them. Git ignores this file.
# Secrets do not belong here: they are SSM parameters.
"""


def main(environment: Mapping[str, str] = os.environ) -> int:
    """Check, build and deploy. Returns the exit status."""
    try:
        sam = _sam()
        session, account = _signed_in(environment)
        file = Path(environment.get("PARAMETERS") or ROOT / "deploy.toml").resolve()
        parameters = _parameters(file, is_interactive=sys.stdin.isatty())
    except CannotStart as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    print(f"Account {account}, region {session.region_name}, parameters {file}:", flush=True)
    for name, value in parameters.items():
        print(f"  {name} = {value!r}", flush=True)
    return _run(sam, session.region_name, file, environment.get("STACK"))


def _sam() -> str:
    """Return the SAM CLI.

    Raises:
        CannotStart: it, or the Python that it builds with, is missing.
    """
    for tool in ("sam", "python3.13"):
        if shutil.which(tool) is None:
            raise CannotStart(f"`{tool}` was not found. Run `make setup`, which installs it into .venv.")
    return str(shutil.which("sam"))


def _signed_in(environment: Mapping[str, str]) -> tuple["Session", str]:
    """Return the AWS session, whose region is known, and the account that its credentials are of.

    Raises:
        CannotStart: there is no region, or AWS does not accept the credentials.
    """
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError, ProfileNotFound

    try:
        session = boto3.Session(region_name=environment.get("AWS_REGION") or None)
    except ProfileNotFound as error:
        raise CannotStart(f"{error}. Set AWS_PROFILE to one that `aws configure list-profiles` shows.") from error
    region = session.region_name
    if region is None:
        raise CannotStart("No AWS region is set. Run `aws configure set region <region>`, or `export AWS_REGION=…`.")
    known = {
        name for part in session.get_available_partitions() for name in session.get_available_regions("lambda", part)
    }
    if region not in known:
        similar = get_close_matches(region, known, 1)
        hint = f" Did you mean {similar[0]}?" if similar else ""
        raise CannotStart(f"`{region}` is not an AWS region.{hint} Set another with `export AWS_REGION=…`.")
    timeouts = Config(
        connect_timeout=_TIMEOUT_SECONDS, read_timeout=_TIMEOUT_SECONDS, retries={"total_max_attempts": 1}
    )
    try:
        return session, session.client("sts", config=timeouts).get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        raise CannotStart(_remedy(error, region)) from error


def _remedy(error: Exception, region: str) -> str:
    from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError, NoCredentialsError

    if isinstance(error, NoCredentialsError):
        return "AWS credentials were not found. Sign in with `aws sso login`, or run `aws configure`."
    if isinstance(error, HTTPClientError | EndpointConnectionError):
        return f"AWS does not answer in {region} ({type(error).__name__}). Check the network and the region."
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    if "Expired" in code or "Token" in type(error).__name__:
        return f"The AWS credentials have expired ({code}). Sign in again, for example with `aws sso login`."
    return f"AWS does not accept the credentials ({code}). Check them with `aws sts get-caller-identity`."


def _parameters(file: Path, *, is_interactive: bool) -> dict[str, Any]:
    """Return the parameters in the file, which is written first if it lacks one without a sensible default.

    Raises:
        CannotStart: it cannot be read, or a parameter is missing, unknown or impossible.
    """
    try:
        given = tomllib.loads(file.read_text("utf-8")) if file.exists() else {}
    except (OSError, ValueError) as error:
        raise CannotStart(f"{file} cannot be read as TOML: {error}.") from error
    known = read_parameters()
    for name, value in given.items():
        _require_possible(file, name, value, known)
    missing = [name for name in _QUESTIONS if name not in given]
    if missing and not is_interactive:
        lines = " ".join(f'{name} = "…"' for name in missing)
        raise CannotStart(f"{file} lacks {', '.join(missing)}. Add to it: {lines}")
    for name in missing:
        given[name] = _asked(name, known)
        text = file.read_text("utf-8") if file.exists() else _HEADER
        file.write_text(f'{text.rstrip()}\n{name} = "{given[name]}"\n', "utf-8")
    return given


def _asked(name: str, known: Mapping[str, Mapping[str, Any]]) -> str:
    while True:
        answer = input(f"{name}. {_QUESTIONS[name]}: ").strip()
        if not (problem := _problem(answer, known[name])) and not re.search(r'["\\]', answer):
            return answer
        print(f"  {problem or 'It must not contain quotes or backslashes.'}")


def _require_possible(file: Path, name: str, value: object, known: Mapping[str, Mapping[str, Any]]) -> None:
    if name not in known:
        similar = get_close_matches(name, known, 1)
        hint = f" Did you mean {similar[0]}?" if similar else ""
        raise CannotStart(f"{file}: `{name}` is not a parameter of template.yaml.{hint}")
    if problem := _problem(value, known[name]):
        raise CannotStart(f"{file}: `{name}` cannot be {value!r}. {problem}")


def _problem(value: object, parameter: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a parameter's value, in a sentence."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        return "It must be a text or a number."
    if parameter["Type"] == "Number":
        try:
            number = float(value)
        except ValueError:
            return "It must be a number."
        least, most = parameter.get("MinValue", number), parameter.get("MaxValue", number)
        if not least <= number <= most:
            return f"It must be from {least} to {most}."
    allowed = parameter.get("AllowedValues")
    if allowed and str(value) not in map(str, allowed):
        return f"It must be one of {', '.join(map(str, allowed))}."
    if not re.search(parameter.get("AllowedPattern", ""), str(value)):
        return f"It must match {parameter['AllowedPattern']}."
    return None


def _run(sam: str, region: str, file: Path, stack: str | None) -> int:
    build = [sam, "build"]
    deploy = [sam, "deploy", "--region", region, "--parameter-overrides", file.as_uri()]
    if stack:
        deploy += ["--stack-name", stack]
    for command in (build, deploy):
        if status := subprocess.run(command, cwd=ROOT, check=False).returncode:
            print(f"\n`{' '.join(command)}` failed; its output above says why.", file=sys.stderr)
            return status
    print("\nDeployed. Next, after the first deployment: create the SSM parameters (docs/deploy.md, Secrets).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
