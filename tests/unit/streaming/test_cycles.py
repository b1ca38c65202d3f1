"""The finder knows where a text goes round in circles, how long, and what a round holds."""

from __future__ import annotations

import pytest

from ocr_pipeline.recognition.streaming.cycles import CycleFinder, Place


def followed(text: str, longest: int = 400) -> CycleFinder:
    finder = CycleFinder(longest)
    for at, symbol in enumerate(text):
        finder.add(symbol, Place(at, at))
    return finder


@pytest.mark.parametrize(
    ("head", "piece", "times"),
    [("", "a", 30), ("Findings: ", "정상\n", 12), ("x\n", "| 0.9% NS | | |\n", 5), ("head ", "ab" * 90 + "c", 3)],
)
def test_a_cycle_is_traced_to_its_start(head: str, piece: str, times: int) -> None:
    cycles = followed(head + piece * times).cycles
    whole = next(cycle for cycle in cycles if cycle.period == len(piece))

    assert whole.start.symbols <= len(head) + len(piece)
    assert whole.repeated >= len(piece) * (times - 1)
    assert whole.rounds >= times


def test_a_cycle_ends_with_the_first_symbol_that_differs() -> None:
    finder = followed("정상 판정\n" * 10)

    assert finder.cycles
    finder.add("x", Place(0, 0))
    assert finder.cycles == []


def test_a_round_tells_what_it_holds() -> None:
    held = followed("| 정상 | A1 |\n" * 6).cycles[0].round

    assert (held.letters, held.signs, held.cells, held.row_ends, held.visible) == (3, 4, 3, 1, 7)
    assert not held.is_bare
    assert followed("|  |  |\n" * 6).cycles[0].round.is_bare


def test_periods_beyond_the_longest_are_not_looked_for() -> None:
    piece = "".join(chr(0xAC00 + at) for at in range(60))

    assert followed(piece * 4, longest=50).cycles == []
    assert followed(piece * 4, longest=60).cycles


def test_only_the_end_of_the_text_is_remembered() -> None:
    finder = followed("".join(chr(0xAC00 + at * 7 % 9_000) for at in range(20_000)), longest=50)

    assert len(finder._symbols) <= 200
    assert len(finder._seen) <= 200


def test_a_stretch_that_says_nothing_new_is_stale() -> None:
    rows = ["정상 소견\n", "음성 소견\n", "양성 소견\n"]
    finder = followed("".join(rows[at * at % 7 % 3] for at in range(80)))

    assert finder.staleness > 0.9
    assert finder.stale_since is not None
    assert followed("".join(chr(0xAC00 + at) for at in range(500))).stale_since is None
