from __future__ import annotations

from pathlib import Path

import pytest

from ocr_pipeline.adapters.queues.journal import HandJournal
from ocr_pipeline.domain.messages import PageRedelivered, RecognitionTask, Report
from ocr_pipeline.domain.pages import PageState
from tests.unit.world import World


class Killed(BaseException):
    """Stands for the end of the process."""


def test_a_page_read_to_the_end_leaves_nothing(tmp_path: Path) -> None:
    world, journal = World(), HandJournal(tmp_path / "in-hand")
    world.queued()
    report = journal.around(world.recognise)(world.queue.recognition.pop())
    assert not isinstance(report, PageRedelivered)
    assert journal.left_over() == []


def test_a_page_that_kills_the_process_again_and_again_goes_to_a_person(tmp_path: Path) -> None:
    world = World(max_suspicions=2)
    document_id = world.queued()

    def die(task: RecognitionTask) -> Report:
        raise Killed

    for _start in range(3):
        journal = HandJournal(tmp_path / "in-hand")
        for suspicion in journal.left_over():
            world.apply(suspicion)
        world.reconcile(lost_broker=True)
        task = (world.queue.quarantine or world.queue.recognition)[-1]
        with pytest.raises(Killed):
            journal.around(die)(task)
    for suspicion in HandJournal(tmp_path / "in-hand").left_over():
        world.apply(suspicion)
    page = world.page(document_id)
    assert page.state is PageState.IN_REVIEW
    assert page.reasons == ("kills_worker",)


def test_a_note_cut_short_is_forgotten(tmp_path: Path) -> None:
    (tmp_path / "0-1").write_text('{"kind": "page_red')
    journal = HandJournal(tmp_path)
    assert journal.left_over() == []
    assert list(tmp_path.iterdir()) == []
