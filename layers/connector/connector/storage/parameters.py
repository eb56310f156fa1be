"""SSM parameters, read through a small cache that stays true.

SSM gives a whole account 40 reads a second, so every value is cached; but a value that was withdrawn must not live on.
Hence: a throttled or failing read serves what is cached, a denied read and a deleted parameter never do, and misses
are cached too. Reads of names that a stranger may have made up are bounded, so that forged requests cannot spend the
account's reads.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from itertools import batched
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from connector.errors import Misconfigured, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient
    from mypy_boto3_ssm.type_defs import GetParametersByPathRequestTypeDef, ParameterTypeDef

FRESH_SECONDS = 300
STALE_SECONDS = 3600
MISS_SECONDS = 30
RECENT_SECONDS = 2
CAPACITY = 512
MOST_BYTES = 4096  # of a standard parameter (AWS, "Systems Manager quotas")
_MOST_DELETED = 10  # by one call of DeleteParameters
_MOST_PAGES = 3  # of GetParametersByPath; each has up to ten parameters
UNKNOWN_READS_PER_SECOND = 5  # of what a stranger may have named; each makes at most two calls where nothing is found

_GONE = {"ParameterNotFound", "ParameterVersionNotFound"}
_DENIED = {"AccessDeniedException", "InvalidKeyId", "KMSInvalidStateException", "KMSAccessDeniedException"}
_FULL = {
    "ParameterLimitExceeded": "the AWS account has no room for more parameters in this region. Delete unused "
    "parameters, or request a higher quota for Parameter Store from AWS (Service Quotas)",
    "ParameterMaxVersionLimitExceeded": "it has 100 versions, and SSM cannot delete the oldest because that has a "
    "label. Remove the label (aws ssm unlabel-parameter-version)",
}
"""Limits that no retry overcomes: what the operator has to do."""
_BUSY = {
    "TooManyUpdates": "another request is writing the same parameter",
    "ThrottlingException": "the account makes more calls per second than Parameter Store allows. If this persists, "
    "enable higher throughput (README.md)",
}
_BUSY |= dict.fromkeys(("Throttling", "RateExceeded", "RequestLimitExceeded"), _BUSY["ThrottlingException"])
"""Conditions that pass: what has happened."""


class Absence(Enum):
    """What it means where a parameter does not exist, and so how long that is believed."""

    NORMAL = "normal"  # cached like a value, and served while SSM fails
    FAULT = "fault"  # somebody will create it: cached for a short time
    DOUBTFUL = "doubtful"  # SSM may not show it yet: never cached


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter as it is stored."""

    value: str = field(repr=False)
    modified_at: datetime
    """When it was last written, by the clock of SSM."""


type _Values = tuple[Parameter, ...]


@dataclass(slots=True)
class _Entry:
    values: _Values
    """Empty for a miss."""
    read_at: float


class Parameters:
    """SecureString parameters under one path of SSM."""

    def __init__(self, ssm: "SSMClient", prefix: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._ssm = ssm
        self._prefix = prefix
        self._clock = clock
        self._cache: OrderedDict[str, _Entry] = OrderedDict()
        self._unknown_reads: list[float] = []

    def get(self, name: str, *, absence: Absence = Absence.FAULT, recent: bool = False) -> str | None:
        """Return the value of `prefix/name`, decrypted, or None when there is no such parameter. See `find`."""
        found = self.find(name, absence=absence, recent=recent)
        return found.value if found else None

    def find(
        self, name: str, *, key: str | None = None, absence: Absence = Absence.FAULT, recent: bool = False
    ) -> Parameter | None:
        """Return the parameter `prefix/name`, decrypted, or None when there is none.

        `name` may end in `:version`; such a value never changes, and `key` may tell apart what a later parameter of
        the same name and version would be. `absence` says how long a miss is cached. A `recent` result is some seconds
        old at most, unless SSM does not answer.

        Raises:
            Unavailable: SSM does not answer and nothing is cached.
            Misconfigured: this function may not read the parameter.
        """
        key, now = key or name, self._clock()
        entry = self._cache.get(key)
        if entry and not entry.values and absence is Absence.DOUBTFUL:
            entry = None
        is_answer = entry is not None and (bool(entry.values) or absence is Absence.NORMAL)
        fresh = RECENT_SECONDS if recent else FRESH_SECONDS if is_answer else MISS_SECONDS
        if entry and now - entry.read_at < fresh:
            self._keep(key, entry)
        else:
            entry = self._renewed(key, entry if is_answer else None, now, lambda: self._read(name))
        return entry.values[0] if entry.values else None

    def below(self, name: str, *, recent: bool = False) -> _Values:
        """Return all parameters below `prefix/name`, newest first; else the one of that name itself.

        Safe for names that a stranger chose: beyond a few reads a second of values that are unknown, or known and not
        `recent` enough, the cached answer is returned without asking SSM.

        Raises:
            Unavailable: SSM does not answer and nothing is cached.
            Misconfigured: this function may not read the parameters.
        """
        key, now = f"{name}/", self._clock()
        entry = self._cache.get(key)
        fresh = RECENT_SECONDS if recent else FRESH_SECONDS if entry and entry.values else MISS_SECONDS
        if entry and now - entry.read_at < fresh:
            self._keep(key, entry)
            return entry.values
        is_known = entry is not None and bool(entry.values)
        if (recent or not is_known) and not self._may_ask(now):
            return entry.values if entry else ()
        return self._renewed(
            key, entry if is_known else None, now, lambda: self._read_below(name) or self._read(name)
        ).values

    def _renewed(self, key: str, entry: _Entry | None, now: float, read: Callable[[], _Values]) -> _Entry:
        """Read and cache again. While SSM fails, `entry` is the answer if it is not too old."""
        try:
            renewed = _Entry(read(), now)
        except Unavailable:
            if entry and now - entry.read_at < STALE_SECONDS:
                return entry
            raise
        except Misconfigured:
            self._cache.pop(key, None)
            raise
        self._keep(key, renewed)
        return renewed

    def put(self, name: str, value: str, *, key_id: str) -> int:
        """Write a SecureString under the KMS key `key_id` and return its new version.

        An account and region has room for 10,000 standard parameters. With intelligent tiering SSM makes those above
        that advanced parameters, of which it has room for 100,000 (AWS, "Managing parameter tiers").

        Raises:
            Unavailable: SSM did not take it.
            Misconfigured: this function may not write it, it is too long, or the account has no room for it.
        """
        if (length := len(value.encode())) > MOST_BYTES:
            raise Misconfigured(f"The SSM parameter {name} cannot hold {length} bytes: {MOST_BYTES} is the most.")
        try:
            answer = self._ssm.put_parameter(
                Name=f"{self._prefix}/{name}",
                Value=value,
                Type="SecureString",
                KeyId=key_id,
                Overwrite=True,
                Tier="Intelligent-Tiering",
            )
        except (ClientError, BotoCoreError) as error:
            raise _translated(error, f"{self._prefix}/{name}") from error
        self._forget(name)
        return answer["Version"]

    def delete(self, *names: str) -> None:
        """Delete parameters; those already gone are no error.

        Raises:
            Unavailable: SSM did not answer.
            Misconfigured: this function may not delete them.
        """
        for some in batched(names, _MOST_DELETED, strict=False):
            try:
                self._ssm.delete_parameters(Names=[f"{self._prefix}/{name}" for name in some])
            except (ClientError, BotoCoreError) as error:
                raise _translated(error, ", ".join(some)) from error
            for name in some:
                self._forget(name)

    def _forget(self, name: str) -> None:
        """Drop what is cached of a parameter, and of those below the name that it is below."""
        for key in (name, f"{name}/", f"{name.rpartition('/')[0]}/"):
            self._cache.pop(key, None)

    def _read(self, name: str) -> _Values:
        path = f"{self._prefix}/{name}"
        try:
            answer = self._ssm.get_parameter(Name=path, WithDecryption=True)
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return ()
            raise _translated(error, path) from error
        except BotoCoreError as error:
            raise _translated(error, path) from error
        return (_read(answer["Parameter"]),)

    def _read_below(self, name: str) -> _Values:
        """Read all parameters below a name. SSM may return fewer than there are, even none, and a token for more."""
        path, more = f"{self._prefix}/{name}", ""
        found: list[ParameterTypeDef] = []
        try:
            for _ in range(_MOST_PAGES):
                asked: GetParametersByPathRequestTypeDef = {"Path": path, "WithDecryption": True}
                answer = self._ssm.get_parameters_by_path(**(asked | ({"NextToken": more} if more else {})))
                found += answer["Parameters"]
                if not (more := answer.get("NextToken", "")):
                    break
        except (ClientError, BotoCoreError) as error:
            raise _translated(error, path) from error
        return tuple(sorted(map(_read, found), key=lambda one: one.modified_at, reverse=True))

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


def _read(stored: "ParameterTypeDef") -> Parameter:
    return Parameter(stored["Value"], stored["LastModifiedDate"])


def _translated(error: ClientError | BotoCoreError, name: str) -> Misconfigured | Unavailable:
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else ""
    if code in _DENIED:
        return Misconfigured(f"This function may not use the SSM parameter {name}, or its KMS key ({code}).")
    if code in _FULL:
        return Misconfigured(f"SSM cannot store the parameter {name}: {_FULL[code]} ({code}).")
    if code in _BUSY:
        return Unavailable(f"SSM did not process {name}: {_BUSY[code]} ({code}). Try again.")
    return Unavailable(f"SSM does not answer for {name}{f' ({code})' if code else ''}.")
