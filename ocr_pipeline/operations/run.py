"""A bulk run: a set of files in, each followed until machines are done with it, results handed on as they settle.

Stopping at any point is safe. A second run over the same files finds the documents of the first by their
fingerprints, so that nothing is recognised twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from ocr_pipeline.domain.documents import SETTLED_STATES, Document
from ocr_pipeline.domain.errors import PipelineError, Refused
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.domain.pages import OPEN_STATES, PageState
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.inputs import InputFile
from ocr_pipeline.ports.records import Records


@dataclass(frozen=True, slots=True)
class Followed:
    """One file of the run and the document it became."""

    label: str
    document_id: DocumentId
    duplicate: bool


@dataclass(frozen=True, slots=True)
class Turned:
    """One file that was not taken in: why (an error code or refusal reason) and a public message."""

    label: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Settled:
    """One file whose document machines are done with."""

    followed: Followed
    document: Document


@dataclass(frozen=True, slots=True)
class Progress:
    """Where the run stands. Pages are counted over the documents opened so far."""

    files: int
    taken: int
    turned_away: int
    settled: int
    pages: int
    pages_done: int
    in_review: int
    elapsed: float


Event = Followed | Turned | Settled | Progress
Submit = Callable[[InputFile, bytes], tuple[DocumentId, bool]]
"""Takes in one file: the document it became, and whether it was one before."""


@dataclass(frozen=True, slots=True)
class RunRules:
    """Bounds: how many documents may be under way at once, how often to look (seconds)."""

    under_way: int = 64
    interval: float = 0.25
    look_at_once: int = 200


@dataclass(slots=True)
class _State:
    started: float
    files: int
    waiting: dict[DocumentId, list[Followed]] = field(default_factory=dict)
    documents: dict[DocumentId, None] = field(default_factory=dict)
    taken: int = 0
    turned_away: int = 0
    settled: int = 0
    reported: float = 0.0


class FollowRun:
    """Drives one run over a list of files."""

    def __init__(
        self, records: Records, submit: Submit, wait: Callable[[float], None], clock: Clock, rules: RunRules
    ) -> None:
        self._records = records
        self._submit = submit
        self._wait = wait
        self._clock = clock
        self._rules = rules

    def __call__(self, files: Iterable[InputFile]) -> Iterator[Event]:
        """Submit and follow every file; tells what happens as it happens, and where the run stands.

        Raises what stops a whole run (a store, a database or a disk that fails), after which it can be run again.
        """
        listed = list(files)
        state = _State(self._clock.monotonic(), len(listed))
        for file in listed:
            while len(state.waiting) >= self._rules.under_way:
                yield from self._look(state)
            yield self._take(state, file)
            if self._clock.monotonic() - state.reported >= self._rules.interval:
                yield from self._look(state, wait=False)
        while state.waiting:
            yield from self._look(state)
        yield self._progress(state)

    def _take(self, state: _State, file: InputFile) -> Event:
        try:
            document_id, duplicate = self._submit(file, file.read())
        except Refused as refusal:
            state.turned_away += 1
            return Turned(file.label, refusal.reason, str(refusal))
        except PipelineError as error:
            if error.retryable:
                raise
            state.turned_away += 1
            return Turned(file.label, error.code, str(error))
        followed = Followed(file.label, document_id, duplicate)
        state.taken += 1
        state.waiting.setdefault(document_id, []).append(followed)
        state.documents[document_id] = None
        return followed

    def _look(self, state: _State, *, wait: bool = True) -> Iterator[Event]:
        settled = False
        with self._records() as uow:
            documents = [uow.documents.get(each) for each in list(state.waiting)[: self._rules.look_at_once]]
        for document in documents:
            if document.state in SETTLED_STATES:
                settled = True
                for followed in state.waiting.pop(document.id):
                    state.settled += 1
                    yield Settled(followed, document)
        yield self._progress(state)
        if wait and not settled and state.waiting:
            self._wait(self._rules.interval)

    def _progress(self, state: _State) -> Progress:
        with self._records() as uow:
            counts = uow.counts(document_ids=list(state.documents))
        state.reported = self._clock.monotonic()
        return Progress(
            files=state.files,
            taken=state.taken,
            turned_away=state.turned_away,
            settled=state.settled,
            pages=sum(counts.pages.values()),
            pages_done=sum(number for page, number in counts.pages.items() if page not in OPEN_STATES),
            in_review=counts.pages.get(PageState.IN_REVIEW, 0),
            elapsed=self._clock.monotonic() - state.started,
        )
