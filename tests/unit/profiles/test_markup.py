"""Markup inside lines: what goes, what must stay because it is printed so, and that figures never grow together."""

from __future__ import annotations

import pytest

from ocr_pipeline.recognition.profiles import latex
from ocr_pipeline.recognition.profiles.inline import inline


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"$10^3$/$\mu$L", "10³/μL"),
        (r"\(5\,\mu g/mL\)", "5 μg/mL"),
        (r"10 \mu g, \geq 5", "10 μg, ≥ 5"),
        (r"$37.5^\circ$C and 36^{\circ}C", "37.5°C and 36°C"),
        (r"\( 1.73\ \mathrm{m}^2 \)", "1.73 m²"),
        (r"$\text{HbA1c} = 7.2\%$", "HbA1c = 7.2%"),
        (r"\[ \text{BMI} = \frac{70}{1.7^2} \]", "BMI = 70/1.7²"),
        (r"Na$^+$ H$_2$O", "Na⁺ H₂O"),
        (r"10^{-3}", "10⁻³"),
        (r"$15^{th}$", "15th"),
        (r"\(C_{max}\)", "Cmax"),
        (r"$$\left( 5 \pm 1 \right)$$", "( 5 ± 1 )"),
        (r"$5$ mg $p<0.05$", "5 mg p<0.05"),
    ],
)
def test_simple_latex_becomes_characters(written: str, read: str) -> None:
    assert " ".join(latex.fold(written).split()) == read


@pytest.mark.parametrize(
    "written",
    [
        "$5 and $6",
        "US$ 5, A$ 6",
        "10^3/uL",
        "SpO_2 96%",
        r"$\sum_{i=1}^{n} x_i$",
        r"\(\begin{array}{c} 1 \end{array}\)",
        r"\unknown 5",
        r"\text{mg}",
        r"\( unclosed 5",
        r"$x^{ab}$",
        "C:\\temp\\mug",
    ],
)
def test_what_is_not_wholly_understood_stays(written: str) -> None:
    assert latex.fold(written) == written


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (r"1\(\frac{1}{2}\)", "1 1/2"),
        (r"1$\frac{1}{2}$T", "1 1/2T"),
        (r"\(1\frac{1}{2}\)", "1 1/2"),
        (r"5\(0\)5", "5 0 5"),
    ],
)
def test_figures_beside_a_formula_stay_apart(written: str, read: str) -> None:
    assert latex.fold(written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("**진단명**은 *고혈압*", "진단명은 고혈압"),
        ("***bold*** __strong__ _em_ `code`", "bold strong em code"),
        ("**outer *inner* rest**", "outer inner rest"),
        ("Take **5**mg", "Take 5mg"),
        ("(**a**) **나**, **다**.", "(a) 나, 다."),
        (r"\*5 \#3 \| \_ \[illegible\]", "*5 #3 | _ [illegible]"),
        ("&lt;0.5 &amp; &#181;g &nbsp;x", "<0.5 & µg x"),
        ("![a drawing](page_1_2_3_4.png) text", "text"),
        ("[here](https://a.example/b) [x](#note)", "here (https://a.example/b) x (#note)"),
        ("[https://a.example](https://a.example)", "https://a.example"),
        ("  many \t spaces  ", "many spaces"),
    ],
)
def test_marks_go(written: str, read: str) -> None:
    assert inline(written) == read


@pytest.mark.parametrize(
    "printed",
    [
        "1*3*5",
        "2**3**4",
        "* 5 * 6",
        "____ 년 __ 월",
        "a_b_c",
        "900412-2******",
        "홍*동, 김*수",
        "김**수, 박**희",
        "02-***-1234, 010-***-5678",
        "5.2* 3.1*",
        "- item",
        "[1](2) Ca[2+](free)",
        "AT&T &c; &unknownreference;",
        "**unclosed",
        "5 < 6 > 4 <0.5",
        "~~3~~5",
    ],
)
def test_printed_signs_stay(printed: str) -> None:
    assert inline(printed) == printed
