"""Headings, fences, tables, front matter and places: the markup that spans lines."""

from __future__ import annotations

import pytest

from ocr_pipeline.recognition.profiles import front_matter, grounding, instruct, markdown, paddleocr_vl, plain
from ocr_pipeline.recognition.profiles.front_matter import FrontMatter
from ocr_pipeline.recognition.profiles.profile import ParsedBlock


def _read(answer: str) -> list[tuple[str, list[str]]]:
    return [(block.kind, list(block.lines)) for block in markdown.parse(answer)]


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        ("", []),
        (" \n\n ", []),
        ("a\nb\n\n\nc", [("text", ["a", "b"]), ("text", ["c"])]),
        ("a\r\nb\u2028c\x0bd\x0ce", [("text", ["a", "b", "c", "d", "e"])]),
        ("# Title #\n###### Sub\n#5 tooth", [("text", ["Title", "Sub", "#5 tooth"])]),
        ("```text\na\n```\nb", [("text", ["a", "b"])]),
        ("a\n---\nb\n* * *\n=====", [("text", ["a", "b"])]),
        ("\\[\nx = 1\n\\]", [("text", ["x = 1"])]),
        ("a<br>b<p>c</p>d", [("text", ["a", "b"]), ("text", ["c"]), ("text", ["d"])]),
        ("<ul><li>a</li><li>b</li></ul>", [("text", ["a", "b"])]),
        ("10<sup>9</sup>/L, 1<sup>st</sup>, 5<sup>a2</sup>, 5<sup>3", [("text", ["10⁹/L, 1st, 5^a2, 5^3"])]),
        ("<hgb> 5 <Hb 12> <0.5", [("text", ["<hgb> 5 <Hb 12> <0.5"])]),
        ("<!-- Image (12, 40, 500, 80) -->x<!-- stamp -->", [("text", ["x stamp"])]),
        ("a\u200bb \x00c\x07d \ud800", [("text", ["ab c d \ufffd"])]),
        ("end<|im_end|><｜end▁of▁sentence｜>", [("text", ["end"])]),  # noqa: RUF001
    ],
)
def test_markdown_becomes_blocks(answer: str, read: list[tuple[str, list[str]]]) -> None:
    assert _read(answer) == read


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        (
            "x<table><tr><td rowspan=2>a</td><td>b<br>c</td></tr><tr><td>d</td></tr></table>y",
            [("text", ["x"]), ("table", ["a b c", "d"]), ("text", ["y"])],
        ),
        ("<table><caption>T1</caption><tr><th>a</th></tr></table>", [("table", ["T1", "a"])]),
        ("<table><tr><td>a<td>b<tr><td>c", [("table", ["a b", "c"])]),
        ("<tr><td>a</td></tr> after", [("table", ["a"]), ("text", ["after"])]),
        ("<table>stray<tr><td>a</td></tr></table>", [("text", ["stray"]), ("table", ["a"])]),
        (
            "<table><tr><td>a<table><tr><td>b</td></tr></table>c</td></tr></table>",
            [("table", ["a"]), ("table", ["b"]), ("text", ["c"])],
        ),
        ("<table><tr><td>a</td></tr></table><table><tr><td>b</td></tr></table>", [("table", ["a"]), ("table", ["b"])]),
        ("<table><tr><td></td></tr></table>", []),
        ("</td></tr></table>a", [("text", ["a"])]),
        ("<table><tr><td>a</td><td colsp", [("table", ["a"])]),
        ("<table><tr><td>**a**</td><td>&lt;5 | 6</td></tr></table>", [("table", ["a <5 | 6"])]),
        ('<input type="checkbox" checked/>a <input type="checkbox">b', [("text", ["☑ a ☐ b"])]),
        ('<input type="checkbox" checked="false">a', [("text", ["☐ a"])]),
    ],
)
def test_html_tables_become_rows(answer: str, read: list[tuple[str, list[str]]]) -> None:
    assert _read(answer) == read


@pytest.mark.parametrize(
    ("answer", "read"),
    [
        ("|a|b|\n|-|--|\n|1|2|", [("table", ["a b", "- --", "1 2"])]),
        ("|a|b|\n|---|:-:|\n|1|-|", [("table", ["a b", "1 -"])]),
        ("a | b\nc | d\n\ne", [("table", ["a b", "c d"]), ("text", ["e"])]),
        ("before\n| a |\nafter", [("text", ["before"]), ("table", ["a"]), ("text", ["after"])]),
        (r"|1 \| 2|x|", [("table", ["1 | 2 x"])]),
        ("Tel 1 | Fax 2", [("text", ["Tel 1 | Fax 2"])]),
        ("Stage ||| of", [("text", ["Stage ||| of"])]),
        ("|", [("text", ["|"])]),
        ("||\n||", []),
    ],
)
def test_rows_between_pipes_become_a_table(answer: str, read: list[tuple[str, list[str]]]) -> None:
    assert _read(answer) == read


def test_otsl_becomes_rows() -> None:
    answer = "<fcel>a<lcel><nl><ucel><ched>b<ecel><nl>after"
    assert paddleocr_vl.parse(answer) == (ParsedBlock(("a", "b"), "table"), ParsedBlock(("after",)))


def test_a_hash_is_printed_where_the_model_writes_no_headings() -> None:
    assert paddleocr_vl.parse("## 3\n# HTN") == (ParsedBlock(("## 3", "# HTN")),)
    assert instruct.parse("# HTN\n## Plan") == (ParsedBlock(("# HTN", "Plan")),)


def test_plain_lines_keep_every_sign() -> None:
    assert plain.parse("# **a**\n<b>\n\n|x|") == (ParsedBlock(("# **a**", "<b>")), ParsedBlock(("|x|",)))


@pytest.mark.parametrize("answer", ["[no text]", "```\n[No Text]\n```", " [no text]\n"])
def test_an_empty_page_gives_no_blocks(answer: str) -> None:
    assert instruct.parse(answer) == ()
    assert instruct.parse(f"{answer}\nx") != ()


HEAD = "---\nprimary_language: ko\nis_rotation_valid: False\nrotation_correction: 90\nis_table: true\nis_diagram: no\n"


@pytest.mark.parametrize(
    ("answer", "found", "text"),
    [
        (f"{HEAD}---\na", FrontMatter("ko", 90, is_table=True), "a"),
        (f"\n{HEAD}a\n---", FrontMatter("ko", 90, is_table=True), "a\n---"),
        (HEAD.strip(), FrontMatter("ko", 90, is_table=True), ""),
        ("---\nprimary_language: null\n---\n", FrontMatter(), ""),
        ("---\nis_rotation_valid: True\nrotation_correction: 90\n---", FrontMatter(), ""),
        ("---\nis_rotation_valid: False\nrotation_correction: 45\n---", FrontMatter(), ""),
        ("---\nname: Kim\n---\na", None, "---\nname: Kim\n---\na"),
        ("---", None, "---"),
        ("a\n---\nprimary_language: ko\n---", None, "a\n---\nprimary_language: ko\n---"),
    ],
)
def test_front_matter_is_taken_off(answer: str, found: FrontMatter | None, text: str) -> None:
    assert front_matter.split(answer) == (found, text)


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("<|ref|>text<|/ref|><|det|>[[1, 2, 3, 4]]<|/det|>a", "a"),
        ("<|ref|>Text <|/ref|><|det|>[[1, 2, 3, 4], [5, 6, 7, 8]]<|/det|>a", "a"),
        ("<|ref|>홍길동<|/ref|><|det|>[[1,2,3,4]]<|/det|>", "홍길동"),
        ("a<|det|>title [1, 2, 3, 4]<|/det|>b", "a b"),
        ("a<|det|>120/80 [1]<|/det|>b", "a 120/80 [1] b"),
        ("a<|det|>[[1, 2", "a"),
        ("<|det|>[[1, 2]]\n120<|ref|>text", "120"),
        ("<|grounding|>a", "a"),
        ("<|/ref|>a<|/det|>", "a"),
        ("<|ref|>tex", "tex"),
    ],
)
def test_places_are_taken_out_and_words_kept(answer: str, kept: str) -> None:
    assert " ".join(grounding.without_tags(answer).split()) == kept


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ('[{"bbox_2d": [1, 2], "text_content": "a"}, {"bbox_2d": [3], "text": "b"}]', "a\nb"),
        ('{"bbox": [1], "label": "a"}', "a"),
        ("[]", None),
        ('[{"bbox_2d": [1], "text": "a", "label": "b"}]', None),
        ('[{"bbox_2d": [1], "text": "a", "note": "b"}]', None),
        ('[{"bbox_2d": [1]}]', None),
        ('[{"bbox_2d": [1], "text": "a"}, 5]', None),
        ('[{"bbox_2d": [1], "text": "a"', None),
        ('"bbox_2d"', None),
        pytest.param("[" * 100_000 + '"bbox_2d"', None, id="very deep"),
        ("[illegible] kg", None),
    ],
)
def test_texts_of_boxes_are_listed(answer: str, text: str | None) -> None:
    assert grounding.listed_text(answer) == text
