"""Scores, costs and silent mistakes over a small manifest held in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pytest

from ocr_pipeline.domain.errors import ConfigurationError, EngineTimeout
from ocr_pipeline.domain.text import Block, Line, PageText, Word
from ocr_pipeline.operations.critical import critical_tokens, tally
from ocr_pipeline.operations.evaluate import (
    Evaluate,
    FileScore,
    ManifestRow,
    ProcessMeter,
    ReadPage,
    Report,
    Usage,
    Use,
    read_manifest,
)

THRESHOLD = 0.85


def page(text: str, confidence: float = 0.99) -> PageText:
    lines = tuple(Line(tuple(Word(part, confidence) for part in line.split())) for line in text.splitlines())
    return PageText((Block(lines),), "test", 100, 100)


class MemoryFiles:
    def __init__(self, truths: dict[str, str]) -> None:
        self._truths = truths

    def content(self, name: str) -> bytes:
        return name.encode()

    def text(self, name: str) -> str:
        return self._truths[name]


def evaluate(rows: Sequence[ManifestRow], truths: dict[str, str], readings: dict[str, list[ReadPage]]) -> Report:
    ticks = iter(range(100))

    def meter() -> Usage:
        at = next(ticks)
        return Usage(2.0 * at, 3.0 * at, 1000 + at)

    def read(row: ManifestRow, content: bytes) -> list[ReadPage]:
        assert content == row.file.encode()
        if row.file not in readings:
            raise EngineTimeout("too slow")
        return readings[row.file]

    scores: Iterator[FileScore] = Evaluate(MemoryFiles(truths), read, meter, THRESHOLD)(rows)
    return Report.of(scores, THRESHOLD)


def test_a_group_has_the_means_of_its_files() -> None:
    rows = [ManifestRow("korean", name, "t", Use.CER, "scan") for name in ("a", "b")]
    readings = {"a": [ReadPage(page("abcd"), 0.9)], "b": [ReadPage(page("abxd"), 0.9), ReadPage(page("!"), 0.5)]}
    report = evaluate(rows, {"t": "abcd"}, readings)

    (group,) = report.groups
    assert (group.group, group.variant, group.use, group.files, group.pages) == ("korean", "scan", Use.CER, 2, 3)
    assert group.cer == pytest.approx((0.0 + 3 / 4) / 2)
    assert group.below_threshold == pytest.approx(1 / 3)
    assert group.seconds == pytest.approx(4 / 3)
    assert group.cpu_seconds == pytest.approx(6 / 3)
    assert group.peak_memory == 1003
    assert group.causes == {"punctuation": 1, "glyph": 1, "spacing": 1}


@pytest.mark.parametrize(
    ("use", "error"), [(Use.CER, 1 / 7), (Use.CER_NOSPACE, 0.0), (Use.CER_COLUMNS, 1 / 7), (Use.WORD_RECALL, 0.5)]
)
def test_the_use_of_a_truth_picks_the_rate(use: Use, error: float) -> None:
    report = evaluate([ManifestRow("s", "a", "t", use)], {"t": "one two"}, {"a": [ReadPage(page("on e two"), 0.9)]})

    assert report.files[0].error == pytest.approx(error)


def test_a_document_that_cannot_be_read_counts_as_read_wholly_wrong() -> None:
    report = evaluate([ManifestRow("s", "a", "t")], {"t": "some text"}, {})

    assert report.files[0].failure == "engine_timeout"
    assert (report.groups[0].failed, report.groups[0].cer, report.groups[0].precision) == (1, 1.0, 0.0)


def test_a_sure_misreading_of_a_dose_is_silent_and_slips_through_an_accepted_page() -> None:
    truths = {"t": "take 500mg daily"}
    rows = [ManifestRow("s", name, "t") for name in ("sure", "unsure", "seen", "lost")]
    readings = {
        "sure": [ReadPage(page("take 800mg daily"), 0.9)],
        "unsure": [ReadPage(page("take 800mg daily", 0.6), 0.9)],
        "seen": [ReadPage(page("take 800mg daily"), 0.4)],
        "lost": [ReadPage(page("take daily"), 0.9)],
    }
    report = evaluate(rows, truths, readings)

    found = {
        score.row.file: [(each.read, each.silent, each.slipped) for each in score.critical.misread]
        for score in report.files
    }
    assert found == {
        "sure": [("800mg", True, True)],
        "unsure": [("800mg", False, False)],
        "seen": [("800mg", True, False)],
        "lost": [("", False, False)],
    }
    assert [(group.critical, group.misread, group.silent, group.slipped) for group in report.groups] == [(4, 4, 2, 1)]


def test_reports_hold_texts_only_where_asked() -> None:
    rows = [ManifestRow("s", "a", "t")]
    report = evaluate(rows, {"t": "take 500mg daily"}, {"a": [ReadPage(page("take 800mg daily"), 0.9)]})

    assert "00mg" not in json.dumps(report.to_json())
    assert "800mg" in json.dumps(report.to_json(with_texts=True))
    assert report.to_json()["groups"][0]["silent"] == 1


def test_critical_tokens_join_numbers_and_units_and_parts_of_a_date() -> None:
    text = "질병분류기호 J39, I10 take 15 mg, 2 T\n2026년 3월 9일 2026년 4월 1일 2024-03-05 ~ 2024-03-06"

    assert [token for _, token in critical_tokens(text)] == [
        "J39",
        "I10",
        "15mg",
        "2T",
        "2026년3월9일",
        "2026년4월1일",
        "2024-03-05",
        "2024-03-06",
    ]


@pytest.mark.parametrize(
    ("truth", "read", "misread"),
    [
        ("take 15 mg", "take 15mg", 0),
        ("유메이드정 200mg/병", "유메이드정200mg/병", 0),
        ("람노스캡슐500mg/병", "람노스캡슐 500mg /병", 0),
        ("take 25 mg", "take 125 mg", 1),
        ("take 25 mg and 25 mg", "take 25 mg", 1),
        ("on 2024-03-05", "on 2024-03-051", 1),
        ("코드 I63.5", "코드 163.5", 1),
        ("DOB 01/02/1990 dose 5 mg", "dose 5 mg DOB 01/02/1990", 0),
    ],
)
def test_spacing_and_order_do_not_make_a_token_misread(truth: str, read: str, misread: int) -> None:
    assert len(tally(truth, [(page(read), True)], THRESHOLD).misread) == misread


@pytest.mark.parametrize(
    ("truth", "read", "instead"),
    [
        ("18 03/01/2026 19 03/01/2026", "18 03/01 /2026 19", ""),
        ("take 500mg", "take 1500mg", "1500mg"),
        ("take 500mg or 20mg", "take 5009 or 20mg", "5009"),
    ],
)
def test_what_was_read_instead_holds_no_token_that_is_right(truth: str, read: str, instead: str) -> None:
    (misread,) = tally(truth, [(page(read), True)], THRESHOLD).misread

    assert misread.read == instead


def test_a_manifest_names_documents_with_truths() -> None:
    text = '{"file": "a.pdf", "gt": "a.txt", "use": "cer_nospace", "variant": "fax"}\n\n{"file": "b", "gt": null}\n'

    assert read_manifest(text, "set") == (ManifestRow("set", "a.pdf", "a.txt", Use.CER_NOSPACE, "fax"),)


@pytest.mark.parametrize("line", ["{", "[]", '{"gt": "a"}', '{"file": "a", "gt": "t", "use": "guess"}'])
def test_a_line_that_cannot_be_understood_is_named(line: str) -> None:
    with pytest.raises(ConfigurationError, match="line 2"):
        read_manifest("\n" + line, "set")


def test_the_process_meter_only_goes_up() -> None:
    meter = ProcessMeter()
    first, second = meter(), meter()

    assert second.seconds >= first.seconds
    assert second.cpu_seconds >= first.cpu_seconds
    assert second.peak_memory >= first.peak_memory > 0
