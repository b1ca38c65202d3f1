"""What one worker process holds while it runs: its stage, its queue, its gate; opened once, closed once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from threading import Event
from typing import Any, Protocol

from ocr_pipeline.adapters.clock import SystemClock
from ocr_pipeline.adapters.queues.patience import Patience
from ocr_pipeline.bootstrap.adapters import broker_queue
from ocr_pipeline.bulk.step import Stepped
from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.domain.messages import IntakeTask, RecognitionTask, Report
from ocr_pipeline.ports.engine import Engine
from ocr_pipeline.recognition.gate import Gate, GateObserver, GateRules
from ocr_pipeline.settings import Settings
from workers.lanes import Lanes
from workers.outage import EngineWatch
from workers.pages import Handled, PageRunner, Reporter, SuspectRunner
from workers.pulse import Pulse
from workers.roles import Role

_OUTAGE_PATIENCE = Patience(first=1.0, longest=5.0)
_HOLDING_PATIENCE = Patience(first=0.5, longest=30.0, total=600.0)
"""How long a message is held while a service is away before the broker gets it back."""


class RecognisesPages(Protocol):
    """The recognition stage."""

    @property
    def engine(self) -> Engine: ...
    @property
    def gate_observer(self) -> GateObserver: ...
    def __call__(self, task: RecognitionTask) -> Report: ...


class RunsPages(Protocol):
    """A runner of pages, in the lanes or in quarantine."""

    def __call__(self, task: RecognitionTask, *, redelivered: bool) -> Handled: ...


@dataclass(frozen=True, slots=True)
class Stages:
    """How each stage is opened from settings."""

    intake: Callable[[Settings], AbstractContextManager[Callable[[IntakeTask], object]]]
    recognition: Callable[[Settings], AbstractContextManager[RecognisesPages]]
    results: Callable[[Settings], AbstractContextManager[Callable[[Report], object]]]
    reconcile: Callable[[Settings], AbstractContextManager[Callable[[], object]]]
    bulk: Callable[[Settings], AbstractContextManager[Callable[[], list[Stepped]]]]


class WorkerProcess:
    """The state of one process. Nothing is opened before `open`, nothing stays open after `close`."""

    def __init__(self, load: Callable[[], Settings], stages: Stages) -> None:
        self._load = load
        self._stages = stages
        self._settings: Settings | None = None
        self._pulse: Pulse | None = None
        self._resources = ExitStack()
        self._stage: Any = None
        self.role: Role | None = None
        self.stopping = Event()
        self.gate: Gate | None = None
        self.lanes = Lanes(Role.RECOGNITION.queues)
        self.holding = _HOLDING_PATIENCE
        self.prefetch = 1
        self.left_in_hand = 0

    @property
    def settings(self) -> Settings:
        """The settings of this process, read once."""
        if self._settings is None:
            self._settings = self._load()
        return self._settings

    @property
    def pulse(self) -> Pulse:
        """The sign of life of this process."""
        if self._pulse is None:
            self._pulse = Pulse(self.settings.worker.pulse_file)
        return self._pulse

    def open(self, role: Role) -> None:
        """Open the stage of a role. Raises what its adapters raise, ConfigurationError among them."""
        self.role = role
        match role:
            case Role.INTAKE:
                self._stage = self._resources.enter_context(self._stages.intake(self.settings))
            case Role.RESULTS:
                self._stage = self._resources.enter_context(self._stages.results(self.settings))
            case Role.MAINTENANCE:
                self._stage = self._resources.enter_context(self._stages.reconcile(self.settings))
            case Role.BULK:
                self._stage = self._resources.enter_context(self._stages.bulk(self.settings))
            case Role.RECOGNITION:
                self._stage = self._page_runner()
            case Role.QUARANTINE:
                stage = self._resources.enter_context(self._stages.recognition(self.settings))
                self._stage = SuspectRunner(stage, self._reporter())

    def retire(self) -> None:
        """Begin to stop: pages that wait are handed back, those in hand go on."""
        self.stopping.set()
        if self.gate is not None:
            self.gate.close()

    def close(self) -> None:
        """Close what was opened."""
        self._stage = None
        self._resources.close()

    def admit(self) -> Callable[[IntakeTask], object]:
        """The intake stage. Raises ConfigurationError in a process of another role."""
        stage: Callable[[IntakeTask], object] = self._of(Role.INTAKE)
        return stage

    def run_page(self) -> RunsPages:
        """The recognition stage. Raises ConfigurationError in a process of another role."""
        stage: RunsPages = self._of(Role.RECOGNITION, Role.QUARANTINE)
        return stage

    def apply(self) -> Callable[[Report], object]:
        """The results stage. Raises ConfigurationError in a process of another role."""
        stage: Callable[[Report], object] = self._of(Role.RESULTS)
        return stage

    def reconcile(self) -> Callable[[], object]:
        """The sweep. Raises ConfigurationError in a process of another role."""
        stage: Callable[[], object] = self._of(Role.MAINTENANCE)
        return stage

    def bulk(self) -> Callable[[], list[Stepped]]:
        """The step of bulk runs. Raises ConfigurationError in a process of another role."""
        stage: Callable[[], list[Stepped]] = self._of(Role.BULK)
        return stage

    def _of(self, *roles: Role) -> Any:  # noqa: ANN401 - narrowed by each caller
        if self.role not in roles or self._stage is None:
            raise ConfigurationError("this worker does not serve that stage")
        return self._stage

    def _page_runner(self) -> PageRunner:
        worker = self.settings.worker
        rules = GateRules(self.settings.slots, worker.reserved_slots, worker.bulk_patience_seconds)
        stage = self._resources.enter_context(self._stages.recognition(self.settings))
        self.gate = Gate(rules, SystemClock(), stage.gate_observer)
        watch = EngineWatch(
            stage.engine.check,
            self.gate,
            pause=self.lanes.pause,
            resume=self.lanes.resume,
            stopping=self.stopping,
            patience=_OUTAGE_PATIENCE,
        )
        return PageRunner(stage, self._reporter(), self.gate, watch)

    def _reporter(self) -> Reporter:
        queue = broker_queue(self.settings, self._resources)
        return Reporter(queue.send_report, self.stopping, Patience())
