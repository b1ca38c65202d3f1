"""An engine over two: the first one's text, trusted as far as the second one sees the same.

The second engine can only ever cost a page confidence. When it fails, is busy or comes too late, the page keeps the
first reading and says that nobody checked it.
"""

from __future__ import annotations

from threading import Event

from ocr_pipeline.domain.errors import EngineUnavailable, PipelineError
from ocr_pipeline.domain.text import PageText
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.engine import Engine, PageImage, RecognitionOptions
from ocr_pipeline.recognition.agreement.agreement import AgreementRules, agree
from ocr_pipeline.recognition.agreement.observer import CrossCheckObserver, Outcome
from ocr_pipeline.recognition.agreement.policy import CrossCheckPolicy
from ocr_pipeline.recognition.agreement.second_reader import PendingReading, SecondReader

_PATIENCE = 30.0


class CrossCheckedEngine:
    """The `Engine` port over a `primary` and a `second` engine, both of which it owns and closes.

    Where the policy knows beforehand that a page is to be checked, the second engine starts first and reads beside the
    primary, on at most `threads` threads with at most `waiting` pages waiting; otherwise it starts when the primary is
    done and doubtful. Both share the page's deadline.
    """

    def __init__(
        self,
        primary: Engine,
        second: Engine,
        policy: CrossCheckPolicy,
        clock: Clock,
        *,
        threads: int,
        waiting: int,
        rules: AgreementRules | None = None,
        observer: CrossCheckObserver | None = None,
    ) -> None:
        self._primary = primary
        self._second = second
        self._policy = policy
        self._clock = clock
        self._rules = rules or AgreementRules()
        self._observer = observer or CrossCheckObserver()
        self._reader = SecondReader(second, clock, self._observer, threads=threads, waiting=waiting)
        self._second_works = Event()

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self._primary.name} + {self._second.name}"

    def recognise(self, page: PageImage, options: RecognitionOptions) -> PageText:
        """Read one page. Raises what the primary engine raises; the second's failures become notes."""
        deadline = self._clock.monotonic() + options.timeout
        if not self._policy.chooses(page):
            return self._read_then_ask(page, options, deadline)
        pending = self._reader.begin(page, options, deadline)
        try:
            return self._settled(self._primary.recognise(page, options), pending)
        finally:
            _abandon(pending)

    def check(self) -> None:
        """Prove that both work. Raises EngineUnavailable.

        The second engine has to prove itself once, so that one that never can is found at the start. After that only
        an outage of the primary counts as one.
        """
        self._primary.check()
        if self._second_works.is_set():
            return
        try:
            self._second.check()
        except PipelineError as error:
            raise EngineUnavailable(f"the second reader, which is to cross-check, does not work: {error}") from error
        self._second_works.set()

    def close(self) -> None:
        """Close both engines and end the threads."""
        try:
            self._reader.close(_PATIENCE)
        finally:
            self._primary.close()

    def _read_then_ask(self, page: PageImage, options: RecognitionOptions, deadline: float) -> PageText:
        first = self._primary.recognise(page, options)
        if not self._policy.doubts(first):
            self._observer.settled(Outcome.SKIPPED, None)
            return first
        pending = self._reader.begin(page, options, deadline)
        try:
            return self._settled(first, pending)
        finally:
            _abandon(pending)

    def _settled(self, first: PageText, pending: PendingReading | None) -> PageText:
        second = Outcome.BUSY if pending is None else pending.wait()
        if isinstance(second, Outcome):
            self._observer.settled(second, None)
            return self._policy.unchecked_page(first)
        self._second_works.set()
        agreement = agree(first, second, self._rules)
        self._observer.settled(Outcome.CHECKED, agreement)
        return agreement.page


def _abandon(pending: PendingReading | None) -> None:
    if pending is not None:
        pending.abandon()
