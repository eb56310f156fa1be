"""SSM parameters, read through a small cache that stays true.

SSM gives a whole account 40 reads a second, so every value is cached; but a value that was withdrawn must not live on.
Hence: a throttled or failing read serves what is cached, a denied read and a deleted parameter never do, and misses
are remembered and bounded, so that forged requests to random paths cannot spend the account's reads.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from connector.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

FRESH_SECONDS = 300
STALE_SECONDS = 3600
MISS_SECONDS = 30
CAPACITY = 512
MOST_BYTES = 4096  # of a standard parameter (AWS, "Systems Manager quotas")
UNKNOWN_READS_PER_SECOND = 5

_GONE = {"ParameterNotFound", "ParameterVersionNotFound"}
_DENIED = {"AccessDeniedException", "InvalidKeyId", "KMSInvalidStateException", "KMSAccessDeniedException"}


@dataclass(slots=True)
class _Entry:
    value: str | None
    read_at: float


class Parameters:
    """SecureString parameters under one path of SSM."""

    def __init__(self, ssm: "SSMClient", prefix: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._ssm = ssm
        self._prefix = prefix
        self._clock = clock
        self._cache: OrderedDict[str, _Entry] = OrderedDict()
        self._unknown_reads: list[float] = []

    def get(self, name: str, *, key: str | None = None, bounded: bool = False) -> str | None:
        """Return the value of `prefix/name`, decrypted, or None when there is no such parameter.

        `name` may end in `:version`; such a value never changes, and `key` may tell apart what a later parameter of
        the same name and version would be. `bounded` is for names that a stranger chose: beyond a few reads a second
        of names not seen before, the answer is None without asking SSM.

        Raises:
            Unavailable: SSM does not answer and nothing is cached.
            Misconfigured: this function may not read the parameter.
        """
        key = key or name
        now = self._clock()
        entry = self._cache.get(key)
        if entry and now - entry.read_at < (FRESH_SECONDS if entry.value is not None else MISS_SECONDS):
            self._keep(key, entry)
            return entry.value
        if bounded and (entry is None or entry.value is None) and not self._may_ask(now):
            return None
        try:
            value = self._read(name)
        except Unavailable:
            if entry and entry.value is not None and now - entry.read_at < STALE_SECONDS:
                return entry.value
            raise
        except Misconfigured:
            self._cache.pop(key, None)
            raise
        self._keep(key, _Entry(value, now))
        return value

    def put(self, name: str, value: str, *, key_id: str) -> int:
        """Write a SecureString under the KMS key `key_id` and return its new version.

        Raises:
            Unavailable: SSM did not take it.
            Misconfigured: this function may not write it, or it is too long.
        """
        if (length := len(value.encode())) > MOST_BYTES:
            raise Misconfigured(f"The SSM parameter {name} cannot hold {length} bytes: {MOST_BYTES} is the most.")
        try:
            answer = self._ssm.put_parameter(
                Name=f"{self._prefix}/{name}", Value=value, Type="SecureString", KeyId=key_id, Overwrite=True
            )
        except (ClientError, BotoCoreError) as error:
            raise _translated(error, f"{self._prefix}/{name}") from error
        self._cache.pop(name, None)
        return answer["Version"]

    def delete(self, *names: str) -> None:
        """Delete parameters; those already gone are no error.

        Raises:
            Unavailable: SSM did not answer.
            Misconfigured: this function may not delete them.
        """
        try:
            self._ssm.delete_parameters(Names=[f"{self._prefix}/{name}" for name in names])
        except (ClientError, BotoCoreError) as error:
            raise _translated(error, ", ".join(names)) from error
        for name in names:
            self._cache.pop(name, None)

    def _read(self, name: str) -> str | None:
        try:
            answer = self._ssm.get_parameter(Name=f"{self._prefix}/{name}", WithDecryption=True)
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return None
            raise _translated(error, f"{self._prefix}/{name}") from error
        except BotoCoreError as error:
            raise _translated(error, f"{self._prefix}/{name}") from error
        return answer["Parameter"]["Value"]

    def _keep(self, key: str, entry: _Entry) -> None:
        """Keep what was used last. Several threads may do so at once: no step rests on the one before it."""
        self._cache.pop(key, None)
        self._cache[key] = entry
        while len(self._cache) > CAPACITY:
            self._cache.popitem(last=False)

    def _may_ask(self, now: float) -> bool:
        self._unknown_reads = [read_at for read_at in self._unknown_reads if now - read_at < 1]
        if len(self._unknown_reads) >= UNKNOWN_READS_PER_SECOND:
            return False
        self._unknown_reads.append(now)
        return True


def _translated(error: ClientError | BotoCoreError, name: str) -> Misconfigured | Unavailable:
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    if code in _DENIED:
        return Misconfigured(f"This function may not use the SSM parameter {name}, or its KMS key ({code}).")
    return Unavailable(f"SSM does not answer for {name}.")
