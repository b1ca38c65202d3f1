"""How well a recogniser reads, against ground truth: error rates, cost, causes, and mistakes that nobody would notice.

A manifest lists documents with their true texts. Every document is read once; one that cannot be read counts as read
wholly wrong. Reports hold figures and codes; texts enter them only where asked for, because truths may be PHI.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean
from typing import Any, Protocol, Self

from ocr_pipeline.domain.errors import ConfigurationError, PipelineError
from ocr_pipeline.domain.measures import (
    character_error_rate,
    character_error_rate_without_spaces,
    errors_by_cause,
    word_precision,
    word_recall,
)
from ocr_pipeline.domain.text import PageText
from ocr_pipeline.operations.critical import CriticalTally, Misread, tally


class Use(StrEnum):
    """What a truth is good for: characters in order, characters without spaces, columns in order, or words alone."""

    CER = "cer"
    CER_NOSPACE = "cer_nospace"
    CER_COLUMNS = "cer_columns"
    WORD_RECALL = "word_recall"


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One document of a set: names of its file and of its truth, how to score it, and how it was made worse."""

    group: str
    file: str
    truth: str
    use: Use = Use.CER
    variant: str = ""


class Files(Protocol):
    """Where a manifest's files are. Both raise a PipelineError for a file that is not there."""

    def content(self, name: str) -> bytes:
        """Bytes of a document."""
        ...

    def text(self, name: str) -> str:
        """A truth, from UTF-8."""
        ...


@dataclass(frozen=True, slots=True)
class ReadPage:
    """One page as it would be kept, and the confidence a verdict would be based on."""

    page: PageText
    confidence: float


ReadDocument = Callable[[ManifestRow, bytes], Sequence[ReadPage]]
"""Reads a document; raises a PipelineError where it cannot."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Readings of a meter: seconds on the wall, seconds of processor time, and the most memory held so far (bytes)."""

    seconds: float
    cpu_seconds: float
    peak_memory: int


class ProcessMeter:
    """Measures this process and the children it waited for."""

    def __call__(self) -> Usage:
        """Read the meter."""
        own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = sum(usage.ru_utime + usage.ru_stime for usage in (own, children))
        unit = 1 if sys.platform == "darwin" else 1024
        return Usage(time.monotonic(), cpu, own.ru_maxrss * unit)


@dataclass(frozen=True, slots=True)
class FileScore:
    """How one document was read. Rates are shares; `failure` is the code of the error that stopped the reading."""

    row: ManifestRow
    cer: float
    cer_nospace: float
    recall: float
    precision: float
    confidences: tuple[float, ...]
    seconds: float
    cpu_seconds: float
    peak_memory: int
    causes: dict[str, int]
    critical: CriticalTally
    failure: str | None = None

    @property
    def error(self) -> float:
        """The one rate that the truth allows."""
        if self.row.use is Use.WORD_RECALL:
            return 1.0 - self.recall
        return self.cer_nospace if self.row.use is Use.CER_NOSPACE else self.cer

    def to_json(self, *, with_texts: bool = False) -> dict[str, Any]:
        """A plain structure; truths and readings of misread tokens only where asked for."""
        return {
            "group": self.row.group,
            "file": self.row.file,
            "variant": self.row.variant,
            "use": self.row.use.value,
            "error": round(self.error, 4),
            "cer": round(self.cer, 4),
            "cer_nospace": round(self.cer_nospace, 4),
            "word_recall": round(self.recall, 4),
            "word_precision": round(self.precision, 4),
            "confidences": [round(value, 4) for value in self.confidences],
            "seconds": round(self.seconds, 2),
            "cpu_seconds": round(self.cpu_seconds, 2),
            "causes": self.causes,
            "critical": self.critical.to_json(with_texts=with_texts),
            "failure": self.failure,
        }


@dataclass(frozen=True, slots=True)
class GroupScore:
    """Means over the documents of one set and variant; costs are a page."""

    group: str
    variant: str
    use: Use
    files: int
    failed: int
    pages: int
    error: float
    cer: float
    cer_nospace: float
    recall: float
    precision: float
    below_threshold: float
    seconds: float
    cpu_seconds: float
    peak_memory: int
    causes: dict[str, int]
    critical: int
    misread: int
    silent: int
    slipped: int

    def to_json(self) -> dict[str, Any]:
        """A plain structure."""
        return {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Report:
    """Scores of all documents, and means by set, variant and use."""

    threshold: float
    files: tuple[FileScore, ...]
    groups: tuple[GroupScore, ...]

    @classmethod
    def of(cls, files: Iterable[FileScore], threshold: float) -> Self:
        """Sum up the scores of an evaluation."""
        scores = tuple(files)
        sets: dict[tuple[str, str, Use], list[FileScore]] = {}
        for score in scores:
            sets.setdefault((score.row.group, score.row.variant, score.row.use), []).append(score)
        return cls(threshold, scores, tuple(_group(members, threshold) for _, members in sorted(sets.items())))

    def to_json(self, *, with_texts: bool = False) -> dict[str, Any]:
        """A plain structure for `json.dumps`."""
        return {
            "threshold": self.threshold,
            "groups": [group.to_json() for group in self.groups],
            "files": [score.to_json(with_texts=with_texts) for score in self.files],
        }


class Evaluate:
    """Reads and scores the documents of a manifest, one after the other."""

    def __init__(self, files: Files, read: ReadDocument, meter: Callable[[], Usage], threshold: float) -> None:
        self._files = files
        self._read = read
        self._meter = meter
        self._threshold = threshold

    def __call__(self, rows: Iterable[ManifestRow]) -> Iterator[FileScore]:
        """Score each document as it is read. Raises a PipelineError only for a truth that is not there."""
        for row in rows:
            yield self._score(row, self._files.text(row.truth))

    def _score(self, row: ManifestRow, truth: str) -> FileScore:
        pages: Sequence[ReadPage] = ()
        failure = None
        before = self._meter()
        try:
            pages = self._read(row, self._files.content(row.file))
        except PipelineError as error:
            failure = error.code
        after = self._meter()
        text = "\n".join(each.page.text for each in pages)
        read = [(each.page, each.confidence >= self._threshold) for each in pages]
        return FileScore(
            row,
            character_error_rate(truth, text),
            character_error_rate_without_spaces(truth, text),
            word_recall(truth, text),
            word_precision(truth, text) if failure is None else 0.0,
            tuple(each.confidence for each in pages),
            after.seconds - before.seconds,
            after.cpu_seconds - before.cpu_seconds,
            after.peak_memory,
            {} if row.use is Use.WORD_RECALL else _causes(truth, text),
            tally(truth, read, self._threshold),
            failure,
        )


def read_manifest(text: str, group: str) -> tuple[ManifestRow, ...]:
    """Read a manifest of one JSON object a line (`file`, `gt`, `use`, `variant`), leaving out files without a truth.

    Raises ConfigurationError naming the line that cannot be understood.
    """
    rows = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            if entry.get("gt"):
                use = Use(entry.get("use") or Use.CER)
                rows.append(ManifestRow(group, entry["file"], entry["gt"], use, entry.get("variant") or ""))
        except (ValueError, KeyError, AttributeError) as error:
            raise ConfigurationError(
                f"line {number} of the manifest does not name a file, its truth and a use"
            ) from error
    return tuple(rows)


def _causes(truth: str, text: str) -> dict[str, int]:
    return {cause.value: count for cause, count in errors_by_cause(truth, text).most_common()}


def _group(members: Sequence[FileScore], threshold: float) -> GroupScore:
    first = members[0].row
    confidences = [value for score in members for value in score.confidences]
    pages = max(1, len(confidences))
    causes: Counter[str] = Counter()
    for score in members:
        causes.update(score.causes)
    misread: list[Misread] = [each for score in members for each in score.critical.misread]
    return GroupScore(
        group=first.group,
        variant=first.variant,
        use=first.use,
        files=len(members),
        failed=sum(score.failure is not None for score in members),
        pages=len(confidences),
        error=fmean(score.error for score in members),
        cer=fmean(score.cer for score in members),
        cer_nospace=fmean(score.cer_nospace for score in members),
        recall=fmean(score.recall for score in members),
        precision=fmean(score.precision for score in members),
        below_threshold=sum(value < threshold for value in confidences) / pages,
        seconds=sum(score.seconds for score in members) / pages,
        cpu_seconds=sum(score.cpu_seconds for score in members) / pages,
        peak_memory=max(score.peak_memory for score in members),
        causes=dict(causes.most_common()),
        critical=sum(score.critical.total for score in members),
        misread=len(misread),
        silent=sum(each.silent for each in misread),
        slipped=sum(each.slipped for each in misread),
    )


def _plain(value: object) -> object:
    if isinstance(value, float):
        return round(value, 4)
    return value.value if isinstance(value, StrEnum) else value
