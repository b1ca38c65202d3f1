"""Reading order on drawn pages: columns, tables, headings, captions."""

from __future__ import annotations

import pytest

from ocr_pipeline.adapters.engines.cpu.layout import arrange
from ocr_pipeline.domain.text import Box, Line, Word

PAGE = (1000.0, 1400.0)
HEIGHT = 20.0
PITCH = 28.0
LETTER = 10.0
PROSE = "the quick brown fox jumps over it"


def line(text: str, left: float, top: float, *, slope: float = 0.0) -> Line:
    words = []
    for text_of_word in text.split():
        right = left + LETTER * len(text_of_word)
        fall = top + slope * left
        words.append(Word(text_of_word, 0.9, Box(left, fall, right, fall + HEIGHT)))
        left = right + LETTER
    return Line(tuple(words))


def prose(name: str, left: float, top: float, count: int, *, slope: float = 0.0) -> list[Line]:
    return [line(f"{name}{at} {PROSE}", left, top + PITCH * at, slope=slope) for at in range(count)]


def names(name: str, count: int) -> list[str]:
    return [f"{name}{at}" for at in range(count)]


def read(lines: list[Line], down: tuple[Box, ...] = (), across: tuple[Box, ...] = ()) -> list[str]:
    return [row.text for block in arrange(lines, *PAGE, down, across) for row in block.lines]


def first_words(texts: list[str]) -> list[str]:
    return [text.split()[0] for text in texts]


@pytest.mark.parametrize("shift", [0.0, 9.0])
@pytest.mark.parametrize("slope", [0.0, 0.008])
def test_two_columns_of_prose_are_read_one_after_the_other(shift: float, slope: float) -> None:
    lines = prose("l", 50, 100, 8, slope=slope) + prose("r", 460, 100 + shift, 8, slope=slope)

    assert first_words(read(lines)) == names("l", 8) + names("r", 8)


def test_three_columns() -> None:
    lines = [part for at, name in enumerate("abc") for part in prose(name, 20 + 400 * at, 100, 6)]

    assert first_words(read(lines)) == names("a", 6) + names("b", 6) + names("c", 6)


def test_a_heading_and_a_footer_across_the_page_stand_before_and_after_the_columns() -> None:
    heading = line("Heading that runs right across both of the columns of the page", 150, 40)
    footer = line("Footer that runs right across both of the columns of the page too", 150, 400)
    lines = [*prose("l", 50, 100, 8), heading, footer, *prose("r", 460, 100, 8)]

    assert first_words(read(lines)) == ["Heading", *names("l", 8), *names("r", 8), "Footer"]


def test_columns_above_and_below_a_heading_are_read_apart() -> None:
    heading = line("Heading that runs right across both of the columns of the page", 150, 300)
    lines = (
        prose("a", 50, 100, 6) + prose("b", 460, 100, 6) + [heading] + prose("c", 50, 360, 6) + prose("d", 460, 360, 6)
    )

    assert first_words(read(lines)) == names("a", 6) + names("b", 6) + ["Heading"] + names("c", 6) + names("d", 6)


def test_a_short_heading_below_the_columns_belongs_to_what_follows() -> None:
    below = line("Text that runs right across both of the columns of the page again", 50, 348)
    lines = prose("l", 50, 100, 7) + prose("r", 460, 100, 7) + [line("Features", 50, 318), below]

    assert first_words(read(lines)) == [*names("l", 7), *names("r", 7), "Features", "Text"]


def test_a_caption_between_two_columns_does_not_break_them() -> None:
    left = prose("l", 20, 100, 10)
    right = prose("r", 600, 100, 10)
    caption = [line("caption here", 420, 100 + PITCH * 4), line("in between", 425, 100 + PITCH * 5)]

    assert first_words(read([*left, *caption, *right])) == [*names("l", 10), *names("r", 10), "caption", "in"]


def test_rows_of_a_table_without_rules_stay_whole() -> None:
    rows = [("Leukocytes", "7.0", "4 - 10"), ("Erythrocytes", "4.30", "4.2 - 6.3"), ("Glucose", "109 H", "70 - 99")] * 3
    lines = [
        line(text, left, 100 + PITCH * at)
        for at, row in enumerate(rows)
        for text, left in zip(row, (50, 400, 650), strict=True)
    ]

    assert read(lines) == [" ".join(row) for row in rows]


def test_columns_of_short_entries_of_one_length_are_a_table() -> None:
    lines = [line(f"2024-03-0{at}", left, 100 + PITCH * at) for at in range(6) for left in (50, 400)]

    assert read(lines) == [f"2024-03-0{at} 2024-03-0{at}" for at in range(6)]


def test_a_form_of_labels_and_values_is_read_row_by_row() -> None:
    rows = [("Name", "Kim"), ("Birth date", "1990-01-01"), ("Department", "Internal medicine"), ("Room", "12")]
    lines = [
        line(text, left, 100 + PITCH * at)
        for at, row in enumerate(rows)
        for text, left in zip(row, (50, 500), strict=True)
    ]

    assert read(lines) == [" ".join(row) for row in rows]


def test_the_cells_of_a_ruled_row_are_read_one_after_the_other() -> None:
    down = tuple(Box(x, 90, x + 2, 300) for x in (40, 250, 800))
    across = tuple(Box(40, y, 802, y + 2) for y in (90, 130, 230, 300))
    lines = [
        line("Name", 50, 100),
        line("Kim", 300, 100),
        line("Treatment and plan", 55, 145),
        line("for the time", 55, 175),
        line("Two weeks of tablets and of much rest are needed", 260, 145),
        line("before the next visit", 260, 175),
        line("Use", 50, 250),
        line("insurance", 300, 250),
        line("After the table", 50, 400),
    ]

    assert read(lines, down, across) == [
        "Name Kim",
        "Treatment and plan for the time Two weeks of tablets and of much rest are needed before the next visit",
        "Use insurance",
        "After the table",
    ]
    assert [block.kind for block in arrange(lines, *PAGE, down, across)] == ["table", "text"]


def test_rows_of_a_table_ruled_only_down_stay_whole() -> None:
    down = tuple(Box(x, 90, x + 2, 300) for x in (40, 350, 800))
    across = tuple(Box(40, y, 802, y + 2) for y in (90, 300))
    rows = [("Aspirin", "100 mg"), ("Metformin", "500 mg"), ("Iron", "325 mg")]
    lines = [
        line(text, left, 100 + PITCH * at)
        for at, row in enumerate(rows)
        for text, left in zip(row, (50, 400), strict=True)
    ]

    assert read(lines, down, across) == [" ".join(row) for row in rows]


def test_the_rows_of_a_table_with_level_rules_alone_are_read_cell_by_cell() -> None:
    across = tuple(Box(40, y, 802, y + 2) for y in (90, 160, 230))
    lines = [
        part
        for top, name in ((95, "Glucose"), (165, "Sodium"))
        for part in (
            line(name, 50, top),
            line("03/01", 400, top),
            line("/2026", 400, top + PITCH),
            line("mg/", 600, top),
            line("dL", 600, top + PITCH),
        )
    ]

    assert read(lines, (), across) == ["Glucose 03/01 /2026 mg/ dL", "Sodium 03/01 /2026 mg/ dL"]


def test_specks_of_a_picture_between_columns_do_no_harm() -> None:
    specks = [line("x", 560, 100 + PITCH * at) for at in (3, 10)] + [line("y", 700, 100 + PITCH * 5)]
    texts = read([*prose("l", 20, 100, 14), *prose("r", 800, 100, 14), *specks])

    ordered = names("l", 14) + names("r", 14)
    assert [word for text in texts for word in text.split() if word in ordered] == ordered


def test_parts_of_one_visual_line_are_joined_left_to_right() -> None:
    assert read([line("world again", 300, 103), line("hello", 50, 100)]) == ["hello world again"]


def test_a_wide_gap_parts_paragraphs() -> None:
    blocks = arrange([line("one", 50, 100), line("two", 50, 128), line("three", 50, 200)], *PAGE)

    assert [block.text for block in blocks] == ["one\ntwo", "three"]


def test_lines_without_a_box_come_last() -> None:
    blocks = arrange([Line((Word("z", 0.5),)), line("placed", 50, 100), Line((Word("a", 0.5),)), Line(())], *PAGE)

    assert [block.text for block in blocks] == ["placed", "a\nz"]


def test_an_empty_page_has_no_blocks() -> None:
    assert arrange([], 0.0, 0.0) == ()
