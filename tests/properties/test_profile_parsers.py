"""Parsers of model answers: they never fail, never lose a word, and take time in proportion to the answer."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.domain.text import Word
from ocr_pipeline.recognition.profiles import (
    deepseek_ocr,
    front_matter,
    grounding,
    instruct,
    markdown,
    olmocr2,
    paddleocr_vl,
    plain,
)
from ocr_pipeline.recognition.profiles.profile import ParsedBlock, Parser

PARSERS: dict[str, Parser] = {
    "plain": plain.parse,
    "markdown": markdown.parse,
    "instruct": instruct.parse,
    "olmocr2": olmocr2.parse,
    "paddleocr_vl": paddleocr_vl.parse,
    "deepseek_ocr": deepseek_ocr.parse,
}
every_parser = pytest.mark.parametrize("parse", [pytest.param(parse, id=name) for name, parse in PARSERS.items()])

PIECES = (
    "환자", "김 보람", "mg", "10", "3.5", "1*3*5", "Hb", " ", " ", "\n", "\n\n", "\t", "\r\n", "\u2028", "\x00",
    "\u200b", "*", "**", "***", "_", "__", "`", "```", "```markdown\n", "~~~", "#", "## ", "- ", "> ", "|", "| ", "\n|",
    "---",
    "|---|", "<table>", "</table>", "<tr>", "</tr>", '<td rowspan="2">', "<td>", "</td>", "<th>", "<caption>",
    "<tbody>",
    "<br/>", "<p class='x'>", "</div>", "<b>", "</b>", "<sup>", "</sup>", "<sub>", "</sub>", "<hgb>", "<", ">", "<td",
    "<!--", "-->", "<!-- Image (1, 2) -->", '<input type="checkbox" checked>', "<!DOCTYPE html>", "<fcel>", "<ecel>",
    "<lcel>", "<nl>", "$", "$$", "\\(", "\\)", "\\[", "\\]", "\\mu ", "\\geq", "\\frac{1}{2}", "\\text{kg}", "^{3}",
    "^2", "_2", "{", "}", "\\", "\\|", "\\*", "&lt;", "&#65;", "&nope;", "&", "![alt](x.png)", "[a](https://b.c)",
    "[", "]", "(", ")", "!", "<|ref|>", "text", "<|/ref|>", "<|det|>", "[[1, 2, 3, 4]]", "<|/det|>", "<|im_end|>",
    "primary_language: ko\n", '[{"bbox_2d": [1, 2], "text_content": "', '"}]', "[no text]", "[illegible]",
)  # fmt: skip

mixed = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=40).map("".join)
answers = st.text() | mixed | st.builds("{}{}".format, st.just("---\nprimary_language: ko\n"), mixed)

MARKUP = re.compile(
    r"""
    <[^<>]*> | <[^<>]*\Z                    # tags, known or not
    | !\[[^\[\]]*\]\([^()]*\) | \]\([^()]*\)  # pictures, targets of links
    | &\#?\w+; | \\[A-Za-z]+                 # character references, commands
    | (?:`{3,}|~{3,})[ \t]*\w*             # fences
    | (?:primary_language|is_rotation_valid|rotation_correction|is_table|is_diagram)\s*:\s*\S*
    """,
    re.VERBOSE,
)


PLACES = re.compile(r"<\|(?:ref|det)\|>[^<]*")


def letters_outside_markup(answer: str) -> str:
    return letters_of(MARKUP.sub(" ", plain.cleaned(PLACES.sub(" ", answer))))


def words_of(blocks: tuple[ParsedBlock, ...]) -> list[str]:
    return [word for block in blocks for line in block.lines for word in line.split()]


def letters_of(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text)))


def stands_in(needle: str, haystack: str) -> bool:
    """Whether all characters of the needle come in the haystack, in order."""
    rest = iter(haystack)
    return all(character in rest for character in needle)


@every_parser
@given(answer=answers)
def test_any_answer_becomes_words(parse: Parser, answer: str) -> None:
    for block in parse(answer):
        assert block.lines
        assert block.kind in {"text", "table"}
        for line in block.lines:
            assert line == " ".join(line.split()) != ""
            assert "".join(Word(text, 1.0).text for text in line.split()).encode()


@every_parser
@given(answer=answers)
def test_every_letter_and_figure_outside_markup_survives_in_order(parse: Parser, answer: str) -> None:
    if answer.strip().strip("`").strip().lower() == instruct.NO_TEXT or "bbox_2d" in answer:
        return
    assert stands_in(letters_outside_markup(answer), letters_of(" ".join(words_of(parse(answer)))))


printed = st.text(st.characters(categories=("L", "N")) | st.sampled_from(" \n.,:;()%/"), max_size=120)


@every_parser
@given(answer=printed)
def test_text_without_markup_comes_back_as_it_is(parse: Parser, answer: str) -> None:
    assert words_of(parse(answer)) == answer.split()


names = st.text("가나다라마바사아자차카타파하abcdefgXYZ0123456789", min_size=1, max_size=6)
cells = st.lists(names, min_size=1, max_size=4)
tables = st.lists(cells, min_size=1, max_size=4)


def html_table(rows: list[list[str]], closed: bool) -> str:
    end = "</td>" if closed else ""
    inside = "".join("<tr>" + "".join(f"<td>{cell}{end}" for cell in row) + ("</tr>" if closed else "") for row in rows)
    return f"<table>{inside}</table>"


def pipe_table(rows: list[list[str]]) -> str:
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join((head, "|---|", *body))


def otsl_table(rows: list[list[str]]) -> str:
    return "".join("".join(f"<fcel>{cell}" for cell in row) + "<nl>" for row in rows)


@given(tables, st.booleans())
def test_a_table_has_a_line_a_row_however_it_is_written(rows: list[list[str]], closed: bool) -> None:
    expected = (ParsedBlock(tuple(" ".join(row) for row in rows), "table"),)
    assert markdown.parse(html_table(rows, closed)) == expected
    assert markdown.parse(pipe_table(rows)) == expected
    assert markdown.parse(otsl_table(rows)) == expected


decorated = st.one_of(
    names,
    names.map("**{}**".format),
    names.map("*{}*".format),
    names.map("`{}`".format),
    names.map("<b>{}</b>".format),
    names.map("\\text{{{}}}".format).map("$ {} $".format).map(lambda text: text.replace(" ", "")),
)


@given(st.lists(st.tuples(st.sampled_from(("", "# ", "### ")), st.lists(decorated, min_size=1)), min_size=1))
def test_decorated_lines_lose_their_decoration_alone(lines: list[tuple[str, list[str]]]) -> None:
    written = "\n\n".join(f"{mark}{' '.join(words)}" for mark, words in lines)
    expected = [re.sub(r"\W|_|text(?=\{)|(?<=<)b|b(?=>)", "", word) for _, words in lines for word in words]
    assert words_of(markdown.parse(written)) == expected


@given(answers)
def test_front_matter_and_text_are_the_whole_answer(answer: str) -> None:
    found, text = front_matter.split(answer)
    assert answer.endswith(text)
    assert (found is None) == (text == answer)


@given(st.lists(st.tuples(names, names)), mixed)
def test_places_in_json_hold_their_texts(boxes: list[tuple[str, str]], rest: str) -> None:
    listed = ",".join(f'{{"bbox_2d": [1, 2, 3, 4], "text_content": "{one} {other}"}}' for one, other in boxes)
    text = grounding.listed_text(f"[{listed}]")
    assert (text or "").split() == [word for pair in boxes for word in pair]
    grounding.listed_text(f"[{listed}{rest}")


RECORDED = sorted((Path(__file__).parents[1] / "unit/profiles/recorded").glob("*.txt"))


@every_parser
@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_an_answer_cut_short_anywhere_keeps_its_words(parse: Parser, path: Path) -> None:
    whole = path.read_text("utf-8")
    for end in range(0, len(whole), 7):
        answer = whole[:end]
        if "bbox_2d" not in answer:
            assert stands_in(letters_outside_markup(answer), letters_of(" ".join(words_of(parse(answer)))))


LONG = 200_000
OPENERS = (
    "\n", " ", "*", "** ", "_a", "`", "|", "- ", "---|", "<", "<td ", "<!-- ", "<sup>", "<tr><td>", "<fcel>", "$", "$a",
    "\\(", "\\[a", "\\text {", "\\frac{1", "^{", "&", "![", "[a](", "<|ref|>", "<|det|>[", "# ", "```", "[{",
)  # fmt: skip


@pytest.mark.timeout(60)
@pytest.mark.parametrize("parse", [deepseek_ocr.parse, instruct.parse], ids=["deepseek_ocr", "instruct"])
@pytest.mark.parametrize("piece", OPENERS)
def test_a_long_answer_takes_no_longer_than_its_length_asks(parse: Parser, piece: str) -> None:
    """What opens markup and never closes it, over and over: anything worse than proportion would take minutes."""
    assert len(words_of(parse(f"{piece * (LONG // len(piece))}x"))) <= LONG
