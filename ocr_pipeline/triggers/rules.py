"""Which objects become documents, and of what kind, how urgent and whose: the first rule that fits decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ocr_pipeline.domain.documents import DocumentKind
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.triggers.events import ObjectEvent


@dataclass(frozen=True, slots=True)
class Rule:
    """Objects of a bucket under a prefix, ending in one of the suffixes (all, without any), and what they become.

    Suffixes know no case: scanners write `.PDF`.
    """

    bucket: str
    client_id: ClientId
    prefix: str = ""
    suffixes: tuple[str, ...] = ()
    kind: DocumentKind = DocumentKind.OTHER
    priority: Priority = Priority.ROUTINE

    def fits(self, bucket: str, key: str) -> bool:
        """Whether it speaks of this object."""
        if bucket != self.bucket or not key.startswith(self.prefix):
            return False
        return not self.suffixes or key.lower().endswith(tuple(suffix.lower() for suffix in self.suffixes))


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket and a prefix in it."""

    bucket: str
    prefix: str

    def holds(self, bucket: str, key: str) -> bool:
        """Whether an object lies there."""
        return bucket == self.bucket and key.startswith(self.prefix)


class Rules:
    """The rules in their order. What lies where results are written is never taken, or results would feed themselves.

    `output` None stands for no results, an empty bucket in it for the bucket of each source object.
    """

    def __init__(self, rules: Sequence[Rule], output: Place | None = None) -> None:
        self._rules = tuple(rules)
        self._output = output

    def match(self, event: ObjectEvent) -> Rule | None:
        """The first rule that fits, None where the object concerns nobody."""
        if event.is_folder or self._is_output(event):
            return None
        return next((rule for rule in self._rules if rule.fits(event.bucket, event.key)), None)

    def places(self) -> tuple[Place, ...]:
        """Where objects may come from, each object in one place: a prefix within another one is left out."""
        named = {Place(rule.bucket, rule.prefix) for rule in self._rules}
        outer = [place for place in named if not any(_encloses(other, place) for other in named)]
        return tuple(sorted(outer, key=lambda place: (place.bucket, place.prefix)))

    def _is_output(self, event: ObjectEvent) -> bool:
        if self._output is None:
            return False
        bucket = self._output.bucket or event.bucket
        return Place(bucket, self._output.prefix).holds(event.bucket, event.key)


def _encloses(outer: Place, inner: Place) -> bool:
    return outer != inner and outer.bucket == inner.bucket and inner.prefix.startswith(outer.prefix)
