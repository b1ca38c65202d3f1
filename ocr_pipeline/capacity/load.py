"""What arrives: kinds of documents, how many pages they have, who waits for them, and how soon they are needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ocr_pipeline.domain.documents import DocumentKind
from ocr_pipeline.domain.priorities import Priority


@dataclass(frozen=True, slots=True)
class ResponseTarget:
    """Seconds from received to done that half, 95 % and 99 % of documents keep to."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class DocumentProfile:
    """One kind of document: `pages` is the range it has, evenly spread; `target` its response-time objective."""

    kind: DocumentKind
    pages: tuple[int, int]
    priority: Priority
    target: ResponseTarget | None = None

    @property
    def mean_pages(self) -> float:
        """Pages of a document on average."""
        return sum(self.pages) / 2


PROFILES = {
    DocumentKind.PRESCRIPTION: DocumentProfile(
        DocumentKind.PRESCRIPTION, (1, 2), Priority.URGENT, ResponseTarget(1.0, 2.0, 3.0)
    ),
    DocumentKind.CERTIFICATE: DocumentProfile(
        DocumentKind.CERTIFICATE, (3, 5), Priority.ROUTINE, ResponseTarget(2.5, 5.0, 8.0)
    ),
    DocumentKind.CHART: DocumentProfile(DocumentKind.CHART, (10, 20), Priority.BULK, ResponseTarget(5.0, 12.0, 20.0)),
    DocumentKind.OTHER: DocumentProfile(DocumentKind.OTHER, (1, 1), Priority.ROUTINE),
}
"""The kinds of documents with the objectives of the service level agreement."""


@dataclass(frozen=True, slots=True)
class Mix:
    """Kinds of documents and their share among documents; shares add up to 1."""

    shares: tuple[tuple[DocumentProfile, float], ...]

    @classmethod
    def of(cls, weights: Iterable[tuple[DocumentProfile, float]]) -> Mix:
        """A mix from weights in any unit. Raises ValueError where none is positive or one is negative."""
        kept = [(profile, weight) for profile, weight in weights if weight]
        total = sum(weight for _, weight in kept)
        if total <= 0 or any(weight < 0 for _, weight in kept):
            raise ValueError("a mix needs positive weights")
        return cls(tuple((profile, weight / total) for profile, weight in kept))

    @property
    def mean_pages(self) -> float:
        """Pages of a document on average."""
        return sum(profile.mean_pages * share for profile, share in self.shares)


USUAL_MIX = Mix.of(
    [
        (PROFILES[DocumentKind.PRESCRIPTION], 70),
        (PROFILES[DocumentKind.CERTIFICATE], 25),
        (PROFILES[DocumentKind.CHART], 5),
    ]
)
"""What is assumed where nobody says: mostly prescriptions, a few charts."""


@dataclass(frozen=True, slots=True)
class Load:
    """Pages a second (Poisson, by the document), and how long one takes in an instance.

    `variation` is the coefficient of variation of the service time: 0 always the same, 1 exponential.
    """

    rate: float
    service_time: float
    mix: Mix = USUAL_MIX
    variation: float = 0.5

    def __post_init__(self) -> None:
        if self.rate <= 0 or self.service_time <= 0 or self.variation < 0:
            raise ValueError("rate and service time are positive, a variation is not negative")
