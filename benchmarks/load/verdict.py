"""The verdict over a run: figures, and in words whatever was wrong."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.load.aftermath import Aftermath
from benchmarks.load.drive import Drive
from benchmarks.load.memory import Growth

SHORTEST_TO_JUDGE = 5.0
"""Minutes below which memory is told and not judged: a process is still warming up."""

_SHOWN = 5
_FAILURE_LOGGED = re.compile(r'"status": ?500\b')
_ERROR_LOGGED = re.compile(r'"level": ?"(?:error|critical)"')
_EVENT = re.compile(r'"event": ?"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the run came to; it is good where `faults` is empty. `answers` counts by status, 0 is none at all."""

    minutes: float
    rate: float
    left_out: int
    answers: dict[int, int]
    kinds: dict[str, int]
    remarks: dict[str, int]
    errors_logged: dict[str, int]
    memory: dict[str, Growth]
    left: Aftermath
    faults: list[str]

    def __str__(self) -> str:
        lines = [
            f"{self.minutes:.1f} minutes, {sum(self.answers.values())} things done, {self.rate:.1f} a second",
            f"kinds      {_counts(self.kinds)}, left out {self.left_out}",
            f"answers    {_counts({status or 'none': count for status, count in self.answers.items()})}",
            f"documents  {_counts(self.left.states)}; the last settled {self.left.settled_after:.0f} s after the load",
            f"chains     {self.left.chains}, broken {len(self.left.broken)}",
            f"objects    {self.left.objects}, orphans {len(self.left.orphans)}, missing {len(self.left.missing)}",
            *(
                f"memory     {name:12} {each.warm:6.1f} MiB warm, {each.end:6.1f} at last, {each.slope:+.2f} a minute"
                for name, each in self.memory.items()
            ),
            *(f"logged     {count} x {what}" for what, count in self.errors_logged.items()),
            *(f"remark     {count} x {what}" for what, count in self.remarks.items()),
            *(f"FAULT      {fault}" for fault in self.faults),
            "bad" if self.faults else "good",
        ]
        return "\n".join(lines)


def judge(drive: Drive, left: Aftermath, logs: Mapping[str, str]) -> Verdict:
    """Put everything together."""
    minutes = drive.seconds / 60
    memory = {name: samples.growth() for name, samples in drive.memory.items()}
    return Verdict(
        minutes=minutes,
        rate=drive.tally.total / drive.seconds,
        left_out=drive.left_out,
        answers=dict(sorted(drive.tally.statuses.items())),
        kinds=dict(drive.tally.kinds),
        remarks=dict(drive.tally.remarks),
        errors_logged=dict(_errors(logs)),
        memory=memory,
        left=left,
        faults=[
            *_faults_of_answers(drive, logs),
            *_faults_of_documents(left),
            *(_faults_of_memory(memory) if minutes >= SHORTEST_TO_JUDGE else ()),
        ],
    )


def _faults_of_answers(drive: Drive, logs: Mapping[str, str]) -> Iterator[str]:
    if drive.tally.failures:
        yield f"{drive.tally.failures} answers of 500"
    if drive.tally.wrong:
        yield f"{drive.tally.wrong} answers that are not right for what was asked"
    failed = len(_FAILURE_LOGGED.findall(logs.get("gateway", "")))
    if failed > drive.tally.failures:
        yield f"{failed} requests logged as 500"


def _faults_of_documents(left: Aftermath) -> Iterator[str]:
    if left.unsettled:
        yield f"{left.unsettled} documents did not come to an end"
    for what, found in (
        ("documents were accepted and are not there", left.lost),
        ("chains are broken", left.broken),
        ("objects belong to nothing", left.orphans),
        ("objects are missing", left.missing),
    ):
        if found:
            yield f"{len(found)} {what}: {', '.join(found[:_SHOWN])}"


def _faults_of_memory(memory: Mapping[str, Growth]) -> Iterator[str]:
    for name, growth in memory.items():
        if not growth.flat:
            yield f"the memory of {name} grows: more than {growth.allowed:.1f} MiB"


def _errors(logs: Mapping[str, str]) -> Counter[str]:
    """The errors that processes logged, by process and event."""
    found: Counter[str] = Counter()
    for name, log in logs.items():
        for line in log.splitlines():
            if _ERROR_LOGGED.search(line):
                event = _EVENT.search(line)
                found[f"{name}: {event[1] if event else 'something'}"] += 1
            elif line.startswith("Traceback"):
                found[f"{name}: a traceback"] += 1
    return found


def _counts(counted: Mapping[str, int] | Mapping[int | str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counted.items())
