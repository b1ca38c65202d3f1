"""Turns: owner after owner, and no owner with more than its share in hand."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from ocr_pipeline.operations.turns import Turns


def line(share: int, *pieces: str) -> Turns[str, str]:
    """Pieces of the owners that their first letters name."""
    turns = Turns[str, str](share)
    for piece in pieces:
        turns.add(piece[0], piece)
    return turns


def taken(turns: Turns[str, str]) -> list[str]:
    """Everything, one after the other."""
    found: list[str] = []
    while True:
        with turns.take() as piece:
            if piece is None:
                return found
            found.append(piece)


def test_owners_take_turns_and_each_ones_pieces_stay_in_order() -> None:
    turns = line(1, "a1", "a2", "a3", "b1", "c1", "b2")
    assert len(turns) == 6
    assert taken(turns) == ["a1", "b1", "c1", "a2", "b2", "a3"]
    assert not turns


def test_an_owner_has_no_more_than_its_share_in_hand() -> None:
    turns = line(2, "a1", "a2", "a3", "b1")
    with ExitStack() as hands:
        assert [hands.enter_context(turns.take()) for _ in range(4)] == ["a1", "b1", "a2", None]
        assert len(turns) == 1
    assert taken(turns) == ["a3"]


def test_a_hand_is_free_again_however_its_work_ended() -> None:
    turns = line(1, "a1", "a2")
    with pytest.raises(LookupError), turns.take():
        raise LookupError
    assert taken(turns) == ["a2"]
