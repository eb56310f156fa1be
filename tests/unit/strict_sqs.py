"""SQS as strict as AWS is where moto is lenient, for what is sent."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

# Amazon SQS, SendMessage: "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF".
_BODY = re.compile("[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]+")
_GROUP = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
_ENTRY_ID = re.compile(r"[A-Za-z0-9_-]{1,80}")
_BATCH_BYTES = 1024 * 1024


class StrictSqs:
    """Takes batches, and raises on what AWS would refuse."""

    def __init__(self, fails: Callable[[int, Mapping[str, Any]], bool] = lambda number, entry: False) -> None:
        self.batches: list[list[dict[str, Any]]] = []
        self.bodies: list[str] = []
        """What was taken."""
        self.fails = fails
        """Decides, of the call with a number, whether SQS answers that it did not take an entry."""

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
        """Take the entries that do not fail."""
        number = len(self.batches)
        self.batches.append([dict(entry) for entry in Entries])
        assert QueueUrl, "AWS.SimpleQueueService.NonExistentQueue"
        assert 1 <= len(Entries) <= 10, "EmptyBatchRequest or TooManyEntriesInBatchRequest"
        ids = [entry["Id"] for entry in Entries]
        assert len(set(ids)) == len(ids), "BatchEntryIdsNotDistinct"
        assert all(_ENTRY_ID.fullmatch(one) for one in ids), f"InvalidBatchEntryId: {ids}"
        size = sum(len(entry["MessageBody"].encode()) for entry in Entries)
        assert size <= _BATCH_BYTES, f"BatchRequestTooLong: {size}"
        for entry in Entries:
            assert _BODY.fullmatch(entry["MessageBody"]), "InvalidMessageContents"
            assert _GROUP.fullmatch(entry["MessageGroupId"]), f"InvalidParameterValue: {entry['MessageGroupId']!r}"
            assert 0 <= entry["DelaySeconds"] <= 900, f"InvalidParameterValue: {entry['DelaySeconds']}"
        failed = [entry for entry in Entries if self.fails(number, entry)]
        taken = [entry for entry in Entries if entry not in failed]
        self.bodies += [entry["MessageBody"] for entry in taken]
        return {
            "Successful": [{"Id": entry["Id"]} for entry in taken],
            "Failed": [{"Id": entry["Id"], "SenderFault": False, "Code": "InternalError"} for entry in failed],
        }
