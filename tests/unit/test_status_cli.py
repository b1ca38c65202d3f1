"""`ocr-pipeline status`: what it says of all documents, and that it does not pass an estimate off as a count."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Self, cast

import pytest
import typer
from typer.testing import CliRunner, Result

from ocr_pipeline.bootstrap import Application
from ocr_pipeline.cli import documents
from ocr_pipeline.cli.session import Session
from ocr_pipeline.domain.documents import DocumentState
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.ports.records import COUNTED, Counts
from ocr_pipeline.settings import Settings


class Standing:
    """A unit of work that knows numbers and no documents."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self.documents = SimpleNamespace(find=lambda **_: [])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def counts(self) -> Counts:
        return self._counts


@dataclass(frozen=True)
class Desk(Session):
    """A session over such numbers."""

    settings: Settings = field(default_factory=Settings)
    completed: int = 0
    open_reviews: int = 0

    @contextmanager
    def open(self) -> Iterator[Application]:
        documents = dict.fromkeys(DocumentState, 0) | {DocumentState.COMPLETED: self.completed}
        counts = Counts(documents, dict.fromkeys(PageState, 0), self.open_reviews)
        yield cast("Application", SimpleNamespace(records=lambda: Standing(counts)))


def status(desk: Desk, *arguments: str) -> Result:
    app = typer.Typer()
    documents.register(app)
    result = CliRunner().invoke(app, ["status", *arguments], obj=desk)
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.parametrize(
    ("many", "said"),
    [
        (COUNTED, "10000 completed"),
        (COUNTED + 1, "about 10,000 completed"),
        (1_524_321, "about 1,500,000 completed"),
        (0, "no documents"),
    ],
)
def test_a_number_that_was_not_counted_says_so(many: int, said: str) -> None:
    assert status(Desk(completed=many)).stderr == f"{said}; 0 pages wait for review\n"


def test_pages_that_wait_for_review_are_told_alike() -> None:
    assert status(Desk(open_reviews=12_345)).stderr == "no documents; about 12,000 pages wait for review\n"


def test_programs_are_told_from_where_on_numbers_are_estimates() -> None:
    told = json.loads(status(Desk(completed=1_524_321), "--json").stdout)
    assert told["documents"]["completed"] == 1_524_321
    assert told["estimates_above"] == COUNTED
