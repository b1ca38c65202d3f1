"""Room for a document: who is turned away, and how often anybody is asked for it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from ocr_pipeline.adapters.limits.memory import MemoryLimiter
from ocr_pipeline.domain.clients import Allowance, Client, Role
from ocr_pipeline.domain.errors import QueueUnavailable
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.domain.priorities import Priority, Stage, lane
from ocr_pipeline.gateway.admission import Admission, LaneDepths, WaitingPages
from ocr_pipeline.gateway.auth import Principal
from ocr_pipeline.gateway.problems import Problem

DEEPEST = 100
QUOTA = 3
CLINIC = Client(
    ClientId("clinic"), frozenset({Role.SUBMITTER}), datetime(2026, 1, 1, tzinfo=UTC), Allowance(queued_pages=QUOTA)
)
PRINCIPAL = Principal(CLINIC, CLINIC.roles, "key:one")


@dataclass
class World:
    """Stands for the broker and the records: what waits there, and how often either was asked."""

    depths: dict[str, int] = field(default_factory=dict)
    pages: int = 0
    broken: bool = False
    asked: int = 0
    time: float = 100.0

    def __post_init__(self) -> None:
        self.admission = Admission(
            MemoryLimiter(),
            WaitingPages(lambda: nullcontext(self), lambda: self.time),  # type: ignore[arg-type]
            LaneDepths(self.look, lambda: self.time),
            DEEPEST,
        )

    def look(self) -> dict[str, int]:
        self.asked += 1
        if self.broken:
            raise QueueUnavailable("the broker does not answer")
        return dict(self.depths)

    @property
    def documents(self) -> World:
        return self

    def waiting_pages(self, _client_id: ClientId) -> int:
        self.asked += 1
        return self.pages

    def room(self, priority: Priority = Priority.ROUTINE) -> AbstractContextManager[None]:
        return self.admission.room(PRINCIPAL, priority)


@pytest.mark.parametrize("stage", [Stage.INTAKE, Stage.RECOGNITION])
def test_a_full_lane_takes_nothing_more_and_the_others_go_on(stage: Stage) -> None:
    world = World(depths={lane(stage, Priority.BULK): DEEPEST})
    with pytest.raises(Problem) as refused, world.room(Priority.BULK):
        pass
    assert refused.value.problem == "overloaded"
    assert int(refused.value.headers["Retry-After"]) > 0
    with world.room(Priority.URGENT):
        pass


def test_a_broker_that_does_not_answer_turns_nobody_away() -> None:
    with World(broken=True).room():
        pass


def test_a_client_with_too_many_pages_is_told_its_quota() -> None:
    world = World(pages=QUOTA)
    with pytest.raises(Problem) as refused, world.room():
        pass
    assert (refused.value.problem, refused.value.extra["limit"]) == ("quota_exceeded", f"queued_pages={QUOTA}")


def test_what_is_known_is_not_asked_again_until_it_is_old() -> None:
    world = World()
    for _ in range(2):
        with world.room():
            pass
    assert world.asked == 2
    world.time += 2
    with world.room():
        pass
    assert world.asked == 4


def test_a_document_counts_while_it_arrives() -> None:
    world = World()
    with world.room():
        world.time += 2
        world.pages = QUOTA - 1
        with pytest.raises(Problem), world.room():
            pass
    world.time += 2
    with world.room():
        pass
