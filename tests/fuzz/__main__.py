"""The long run: python -m tests.fuzz [--inputs 1000000] [--seed N] [--target NAME]. A finding is kept in the corpus."""

import argparse
import time
from collections import Counter
from hashlib import sha256
from secrets import randbelow

from tests.fuzz.mutation import Mutator
from tests.fuzz.targets import CORPUS, TARGETS, Target


def fuzz(target: Target, inputs: int, seed: int) -> tuple[Counter[str], list[tuple[bytes, Exception]]]:
    """Try inputs; return how often they ended in which way, and the findings, each kind once."""
    ends: Counter[str] = Counter()
    findings: dict[str, tuple[bytes, Exception]] = {}
    mutator = Mutator(target.seeds, seed)
    for _ in range(inputs):
        data = mutator.next()
        try:
            ends[target.check(data)] += 1
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            ends["FOUND"] += 1
            findings.setdefault(f"{type(error).__name__}: {str(error)[:60]}", (data, error))
    return ends, [*findings.values()]


def main() -> int:
    """Run, print a line for each target, and return 1 if anything was found."""
    arguments = argparse.ArgumentParser(prog="python -m tests.fuzz")
    arguments.add_argument("--inputs", type=int, default=1_000_000, help="of all targets together")
    arguments.add_argument("--seed", type=int, default=randbelow(2**32))
    arguments.add_argument("--target", choices=[one.name for one in TARGETS])
    asked = arguments.parse_args()
    targets = [one for one in TARGETS if asked.target in (None, one.name)]
    total = found = 0
    print(f"seed {asked.seed}", flush=True)  # noqa: T201
    for target in targets:
        began = time.monotonic()
        ends, findings = fuzz(target, asked.inputs // len(targets), asked.seed)
        total, found = total + ends.total(), found + len(findings)
        shown = ", ".join(f"{name} {number}" for name, number in ends.most_common())
        print(f"{target.name}: {ends.total()} inputs in {time.monotonic() - began:.0f} s: {shown}", flush=True)  # noqa: T201
        for data, error in findings:
            path = CORPUS / target.name / sha256(data).hexdigest()[:16]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            print(f"  {error!r:.300}\n  kept as {path}", flush=True)  # noqa: T201
    print(f"{total} inputs, {found} findings", flush=True)  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
