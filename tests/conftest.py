"""What every test may rely on: AWS credentials that open nothing, and a real mongod for those that ask for it."""

import itertools
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from moto.core.base_backend import BackendDict
from moto.core.models import MockAWS, botocore_stubber, reset_model_data
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.errors import PyMongoError

from connector import aws as connector_aws

# Set before anything of AWS is imported, so that no test can reach an account, whatever the machine is logged in to.
os.environ.update(
    {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_SESSION_TOKEN": "testing",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "POWERTOOLS_SERVICE_NAME": "instagram-connector",
        "POWERTOOLS_METRICS_NAMESPACE": "InstagramConnector",
    }
)
os.environ.pop("AWS_PROFILE", None)

# No deadline for a single example: how busy a machine is says nothing about the code. The same examples in each run, so
# that a red run is about what was changed.
hypothesis.settings.register_profile(
    "connector",
    deadline=None,
    derandomize=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    print_blob=True,
)
# HYPOTHESIS_PROFILE=long looks for what the daily run has not found: see tests/README.md.
hypothesis.settings.register_profile(
    "long", hypothesis.settings.get_profile("connector"), max_examples=10_000, derandomize=False
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "connector"))

PREFIX = "/test-stack"
_RACING_FIXTURES = {"race", "meanwhile", "receiver", "stack", "system"}
_START_SECONDS = 30
_STUCK_SECONDS = 300  # longer than any thread works on a busy machine: one that takes longer never ends


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--times", type=int, default=1, help="run each test so often (see `make races`)")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark what has several threads or processes by a fixture; other tests that race say so in their file."""
    if _RACING_FIXTURES & set(getattr(item, "fixturenames", ())):
        item.add_marker("races")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if (times := metafunc.config.getoption("times")) > 1:
        metafunc.fixturenames.append("time")
        metafunc.parametrize("time", range(times))


@dataclass(frozen=True, slots=True)
class Aws:
    """An AWS account of moto's: empty, and gone with the test."""

    ssm: Any
    sqs: Any

    def queue_url(self, name: str) -> str:
        """Return the URL of a queue, which is made."""
        return str(self.sqs.create_queue(QueueName=name)["QueueUrl"])

    def bodies(self, queue_url: str) -> list[str]:
        """Take everything off a queue and return the bodies, in the order of arrival."""
        found: list[str] = []
        while messages := self.sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages", []):
            found += [message["Body"] for message in messages]
            for message in messages:
                self.sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def put_secret(self, name: str, value: str) -> int:
        """Write a SecureString under the stack's prefix and return its version."""
        answer = self.ssm.put_parameter(Name=f"{PREFIX}/{name}", Value=value, Type="SecureString", Overwrite=True)
        return int(answer["Version"])


class _MockBotocore(MockAWS):
    """moto's mock of boto3 only.

    moto also registers 1,300 URL patterns with `requests` each time it starts, and then compares every request of the
    test with them. The connector calls AWS through boto3 only.
    """

    def _enable_patching(self, reset: bool = True) -> None:
        botocore_stubber.enabled = True
        if reset:
            BackendDict.reset()

    def _disable_patching(self, remove_data: bool) -> None:
        botocore_stubber.enabled = False
        if remove_data:
            BackendDict.reset()
            reset_model_data()


@pytest.fixture
def aws() -> Iterator[Aws]:
    """SSM and SQS, played by moto and reached through the connector's own clients."""
    with _MockBotocore():
        yield Aws(connector_aws.ssm(), connector_aws.sqs())


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost that nobody but the test trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "localhost.pem"
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture(scope="module")
def module_aws() -> Iterator[Aws]:
    """The same, for all tests of a file."""
    with _MockBotocore():
        yield Aws(connector_aws.ssm(), connector_aws.sqs())


@pytest.fixture
def functions_environment(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment that template.yaml gives to the functions."""
    variables = {
        "PARAMETER_PREFIX": PREFIX,
        "SECRETS_KEY_ID": "alias/test-stack",
        "INBOX_QUEUE_URL": aws.queue_url("inbox"),
        "TURN_QUEUE_URL": aws.queue_url("turns"),
        "QUIET_SECONDS": "5",
        "MEDIA_QUIET_SECONDS": "8",
        "PAUSE_MINUTES": "60",
        "RECOVER_ANSWER_MINUTES": "60",
        "FACEBOOK_GRAPH_URL": "http://127.0.0.1:9",
        "INSTAGRAM_GRAPH_URL": "http://127.0.0.1:9",
        "GRAPH_VERSION": "v26.0",
        "RETELL_AGENT_BINDING": "own-key",
        "RETELL_URL": "http://127.0.0.1:9",
        "FACEBOOK_LOGIN_URL": "http://127.0.0.1:9",
        "INSTAGRAM_LOGIN_URL": "http://127.0.0.1:9",
        "INSTAGRAM_API_URL": "http://127.0.0.1:9",
        "RETURN_URLS": "",
        "FALLBACK_TEXT": "",
        "RETENTION_DAYS": "180",
        "UNATTENDED_DAYS": "7",
        "OPT_OUT_WORDS": "stop, unsubscribe",
        "OPT_IN_WORDS": "start",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture(scope="session")
def mongodb_uri() -> Iterator[str]:
    """A replica set of one real mongod, with fail points allowed: the URI, without a database."""
    with tempfile.TemporaryDirectory(prefix="mongod-") as directory:
        port = _free_port()
        log = Path(directory, "log")
        with log.open("wb") as output:
            process = subprocess.Popen(_mongod_command(directory, port), stdout=output, stderr=subprocess.STDOUT)
        try:
            uri = f"mongodb://127.0.0.1:{port}/?replicaSet=rs0"
            _await_primary(process, port, log)
            yield uri
        finally:
            process.terminate()
            process.wait(_START_SECONDS)


@pytest.fixture(scope="session")
def mongodb(mongodb_uri: str) -> Iterator[MongoClient[dict[str, Any]]]:
    """A client of the real mongod, as the connector makes its own but for the size of the pool."""
    with MongoClient[dict[str, Any]](mongodb_uri, tz_aware=True, w="majority", retryWrites=True) as client:
        yield client


@pytest.fixture
def database(mongodb: MongoClient[dict[str, Any]]) -> Iterator[Database[dict[str, Any]]]:
    """An empty database. It is emptied, not dropped: making files takes longer than the tests themselves."""
    made = mongodb["test"]
    yield made
    for name in made.list_collection_names():
        made[name].delete_many({})


@pytest.fixture
def race() -> Callable[[int, Callable[[int], Any]], list[Any]]:
    """Runs work in several threads that start at one moment, and returns what each returned."""

    def run(threads: int, work: Callable[[int], Any]) -> list[Any]:
        start = threading.Barrier(threads)
        results: list[Any] = [None] * threads

        def one(index: int) -> None:
            start.wait(_STUCK_SECONDS)
            try:
                results[index] = work(index)
            except Exception as error:  # noqa: BLE001 - told by the assertion that looks at the results
                results[index] = error

        workers = [threading.Thread(target=one, args=(index,), daemon=True) for index in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(_STUCK_SECONDS)
        assert not any(worker.is_alive() for worker in workers), "a thread is stuck"
        return results

    return run


@pytest.fixture
def meanwhile() -> Callable[..., AbstractContextManager[Callable[[], None]]]:
    """Runs `work(thread, number)` again and again in several threads while a block runs.

    The block receives a function that waits until the work was done once more, so that a test does not depend on the
    speed of the machine.
    """

    @contextmanager
    def run(threads: int, work: Callable[[int, int], Any]) -> Iterator[Callable[[], None]]:
        is_over, done = threading.Event(), threading.Semaphore(0)
        failures: list[Exception] = []

        def again(thread: int) -> None:
            try:
                for number in itertools.count():
                    if is_over.is_set():
                        return
                    work(thread, number)
                    done.release()
            except Exception as error:  # noqa: BLE001 - told by the assertions below
                failures.append(error)

        def wait() -> None:
            while done.acquire(blocking=False):
                pass
            assert done.acquire(timeout=_STUCK_SECONDS), failures

        workers = [threading.Thread(target=again, args=(thread,), daemon=True) for thread in range(threads)]
        for worker in workers:
            worker.start()
        try:
            yield wait
        finally:
            is_over.set()
            for worker in workers:
                worker.join(_STUCK_SECONDS)
        assert failures == []

    return run


def _mongod_command(directory: str, port: int) -> list[str]:
    return [
        _mongod(),
        *("--dbpath", directory, "--port", str(port), "--bind_ip", "127.0.0.1", "--nounixsocket", "--quiet"),
        *("--replSet", "rs0", "--wiredTigerCacheSizeGB", "0.25", "--setParameter", "enableTestCommands=1"),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
    ]


def _mongod() -> str:
    package = find_spec("fiftyone")
    for folder in package.submodule_search_locations or [] if package else []:
        if (binary := Path(folder, "db", "bin", "mongod")).exists():
            return str(binary)
    if binary_on_path := shutil.which("mongod"):
        return binary_on_path
    raise RuntimeError("The integration tests need a mongod: install requirements-dev.txt, or put one on PATH.")


def _await_primary(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    with MongoClient[dict[str, Any]](f"mongodb://127.0.0.1:{port}/?directConnection=true") as client:
        members = [{"_id": 0, "host": f"127.0.0.1:{port}"}]
        # Nothing here outlives the test, so a majority need not wait for the disk.
        settings = {"_id": "rs0", "members": members, "writeConcernMajorityJournalDefault": False}
        client.admin.command("replSetInitiate", settings)
        while not _is_primary(client):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"mongod did not become primary:\n{log.read_text()[-2000:]}")
            time.sleep(0.02)


def _is_primary(client: MongoClient[dict[str, Any]]) -> bool:
    try:
        return bool(client.admin.command("hello")["isWritablePrimary"])
    except PyMongoError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
