"""Tags become what they draw, everything else stays as it stands, and folding hides what makes no difference."""

from __future__ import annotations

import pytest

from ocr_pipeline.recognition.streaming.symbols import NUMBER, Folding, SymbolReader


def symbols(text: str) -> str:
    reader = SymbolReader()
    return "".join(symbol.text for character in text for symbol in reader.read(character))


def folded(text: str) -> str:
    folding = Folding()
    return "".join(symbol for symbol in map(folding.fold, text) if symbol is not None).replace(NUMBER, "#")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("<tr><td>정상</td><td></td></tr>", "|정상|\n"),
        ('<td rowspan="2">A', "|A"),
        ("WBC <0.5 > 3", "WBC <0.5 > 3"),
        ("a < b and <", "a < b and "),
        ("<<td>x", "<|x"),
        ("<fcel>1<nl>", "|1\n"),
        ("x <" + "a" * 300, "x <" + "a" * 300),
    ],
)
def test_tags(text: str, read: str) -> None:
    assert symbols(text) == read


def test_symbols_know_where_they_end() -> None:
    reader = SymbolReader()

    assert [tuple(symbol) for symbol in reader.read("a<td>b<5")] == [("a", 1), ("|", 5), ("b", 6), ("<", 7), ("5", 8)]


@pytest.mark.parametrize(
    ("text", "alike"),
    [
        ("| 1 | 12.5 |", "| # | #.# |"),
        ("a  b\t\tc", "a b c"),
        ("......", "..."),
        ("- -- --- ----- ", "- -- --- --- "),
        ("ooooo", "ooooo"),
    ],
)
def test_folding(text: str, alike: str) -> None:
    assert folded(text) == alike
