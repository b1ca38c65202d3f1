"""The samples say what their ground truth says, look like nothing real, and come out the same from the same seed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from PIL import Image, ImageOps, ImageSequence

from ocr_pipeline.samples import SHIPPED, Container, Kind, Language, SampleSpec, Variant, degrade, planted_names
from ocr_pipeline.samples.book import Book, LaidOut
from ocr_pipeline.samples.critical import critical_tokens
from ocr_pipeline.samples.grid import Cell, Style, label, table
from ocr_pipeline.samples.ornaments import CLEAR, TICKED
from ocr_pipeline.samples.people import check_digit
from ocr_pipeline.samples.production import PAGE_BREAK, describe, generate, lay_out, random_specs, truth_text
from ocr_pipeline.samples.specs import MAX_PAGES, WRITTEN_IN, file_stems
from ocr_pipeline.samples.typefaces import BUNDLED, SERIF, TYPEWRITER, load

SHIPPED_FOLDER = Path(__file__).parents[2] / "samples"
FORMS = [(kind, language) for kind, languages in WRITTEN_IN.items() for language in languages]


def clean(kind: Kind, language: Language, seed: int, pages: int = 1, **more: object) -> SampleSpec:
    return replace(SampleSpec(kind, language, Variant.CLEAN, Container.PDF, seed=seed, pages=pages), **more)


def spans(page: pymupdf.Page) -> Iterator[dict[str, object]]:
    for block in page.get_text("dict", flags=0)["blocks"]:
        for line in block["lines"]:
            yield from (span for span in line["spans"] if span["text"].strip())


def rows_of(page: pymupdf.Page) -> list[str]:
    """Row-major text from the text layer alone: spans of one baseline from left to right."""
    rows: dict[float, list[tuple[float, str]]] = {}
    for span in spans(page):
        x, y = span["origin"]
        rows.setdefault(round(y, 1), []).append((x, span["text"]))
    return [" ".join(" ".join(text for _, text in sorted(rows[y])).split()) for y in sorted(rows)]


def written_rows(truth: str) -> list[str]:
    """The rows of a truth without the signs for tick boxes, which are drawn and not written."""
    rows = (" ".join(row.replace(CLEAR, "").replace(TICKED, "").split()) for row in truth.splitlines())
    return [row for row in rows if row]


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("L"), dtype=np.float32)


def load_pages(path: Path) -> list[Image.Image]:
    """Upright-as-stored grey pages at about 50 dpi."""
    if path.suffix == ".pdf":
        with pymupdf.open(path) as document:
            maps = [page.get_pixmap(dpi=50, colorspace=pymupdf.csGRAY) for page in document]
        return [Image.frombytes("L", (one.width, one.height), one.samples) for one in maps]
    with Image.open(path) as image:
        frames = [ImageOps.exif_transpose(frame).convert("L") for frame in ImageSequence.Iterator(image)]
    return [frame.resize((frame.width // 4, frame.height // 4), Image.Resampling.BOX) for frame in frames]


@pytest.fixture(scope="module")
def shipped_layouts() -> dict[str, LaidOut]:
    return {stem: lay_out(spec) for stem, spec in zip(file_stems(SHIPPED), SHIPPED, strict=True)}


@pytest.fixture(scope="module")
def manifest() -> list[dict[str, object]]:
    lines = (SHIPPED_FOLDER / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize(("kind", "language"), FORMS)
@pytest.mark.parametrize("seed", [3, 4])
def test_truth_is_what_the_text_layer_says_row_by_row(kind: Kind, language: Language, seed: int) -> None:
    pages = 7 if kind is Kind.CHART else 3
    laid_out = lay_out(clean(kind, language, seed, pages))
    with pymupdf.open(stream=laid_out.pdf) as document:
        read = [rows_of(page) for page in document]
    assert read == [written_rows(page) for page in laid_out.truth]
    assert all(len(page) > 10 for page in read)


@pytest.mark.parametrize(("kind", "language"), FORMS)
def test_no_text_lies_on_another(kind: Kind, language: Language) -> None:
    laid_out = lay_out(clean(kind, language, 9, MAX_PAGES if kind is Kind.CHART else 4))
    with pymupdf.open(stream=laid_out.pdf) as document:
        for page in document:
            inks = [pymupdf.Rect(x0, y - 0.7 * size, x1, y) for (x0, y, x1, size) in map(_ink, spans(page))]
            assert not [pair for pair in combinations(inks, 2) if pair[0].intersects(pair[1])]


def _ink(span: dict[str, object]) -> tuple[float, float, float, float]:
    x0, _, x1, _ = span["bbox"]
    return x0, span["origin"][1], x1, span["size"]


@pytest.mark.parametrize("name", [SERIF, TYPEWRITER])
def test_other_bundled_typefaces_hold_the_truth_too(name: str) -> None:
    laid_out = lay_out(clean(Kind.LAB_REPORT, Language.ENGLISH, 5, 2, typeface=name))
    with pymupdf.open(stream=laid_out.pdf) as document:
        assert [rows_of(page) for page in document] == [page.splitlines() for page in laid_out.truth]


def test_an_unknown_typeface_is_refused() -> None:
    with pytest.raises(ValueError, match="not available"):
        load("no-such-face", hangul=True)


@pytest.mark.parametrize("pages", [1, MAX_PAGES])
def test_a_chart_has_the_pages_asked_for_and_blank_ones_where_asked(pages: int) -> None:
    blank = (3, pages) if pages > 1 else ()
    laid_out = lay_out(clean(Kind.CHART, Language.KOREAN, 11, pages, blank=blank))
    assert len(laid_out.truth) == pages
    assert [number for number, page in enumerate(laid_out.truth, 1) if not page] == list(blank)


def test_the_check_digit_follows_its_formula() -> None:
    assert check_digit("850312199012") == "1"  # weighted sum 187, a multiple of 11
    assert check_digit("850312199011") == "5"  # weighted sum 182, remainder 6, 11 - 6 is 5


def test_resident_numbers_are_valid_and_were_never_issued(shipped_layouts: dict[str, LaidOut]) -> None:
    numbers = {
        text for page in shipped_layouts.values() for text in page.critical if text[6:7] == "-" and "*" not in text
    }
    whole = [number.replace("-", "") for number in numbers if len(number) == 14]
    assert len(whole) >= 4
    assert all(check_digit(number[:12]) == number[12] for number in whole)
    assert all(number[7:9] == "99" for number in whole)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Amlodipine 5mg 0.5T PO qd", ["5mg", "0.5T"]),
        ("에녹사파린주 40mg/0.4mL", ["40mg/0.4mL"]),
        ("인슐린글라진주 100IU/mL 12IU", ["100IU/mL", "12IU"]),
        ("수액 80mL/hr로 주입", ["80mL/hr"]),
        ("I10, E11.9", ["I10", "E11.9"]),
        ("2026년 03월 14일 제 00123 호", ["2026년 03월 14일"]),
        ("2026-03-14 08:12", ["2026-03-14"]),
        ("850312-1****** S26104548 MRN-304533", ["850312-1******"]),
        ("체온 38.5℃, SpO2 97%", ["38.5℃", "97%"]),
        ("0.5 mL three times daily", ["0.5 mL"]),
        ("02-0000-3284 1쪽 3일", []),
    ],
)
def test_critical_tokens(text: str, tokens: list[str]) -> None:
    assert critical_tokens(text) == tokens


def test_the_same_specs_make_the_same_bytes(tmp_path: Path) -> None:
    specs = (
        clean(Kind.CERTIFICATE, Language.KOREAN, 21),
        SampleSpec(Kind.PRESCRIPTION, Language.KOREAN, Variant.FAX, Container.PDF, seed=22, turn=180),
        SampleSpec(Kind.PRESCRIPTION, Language.ENGLISH, Variant.SCAN, Container.TIFF, seed=23),
        SampleSpec(Kind.LAB_REPORT, Language.ENGLISH, Variant.PHOTO, Container.JPEG, seed=24),
    )
    for folder in ("one", "two"):
        generate(specs, tmp_path / folder)
    first = {path.name: path.read_bytes() for path in (tmp_path / "one").iterdir()}
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "two").iterdir()}
    assert len(first) == 2 * len(specs) + 1


def test_another_seed_makes_another_document() -> None:
    one, two = (lay_out(clean(Kind.PRESCRIPTION, Language.KOREAN, seed)) for seed in (31, 32))
    assert one.truth != two.truth


def test_random_specs_are_repeatable_and_valid() -> None:
    specs = random_specs(200, 5)
    assert specs == random_specs(200, 5)
    assert specs != random_specs(200, 6)
    assert {spec.kind for spec in specs} == set(Kind)
    assert {spec.variant for spec in specs} == set(Variant)
    assert len(set(file_stems(specs))) == len(specs)


@pytest.mark.parametrize(
    "change",
    [
        {"pages": 0},
        {"pages": MAX_PAGES + 1},
        {"language": Language.ENGLISH},
        {"container": Container.PNG, "pages": 2},
        {"turn": 45},
        {"variant": Variant.PHOTO},
        {"variant": Variant.CLEAN, "turn": 90},
        {"blank": (9,)},
    ],
)
def test_documents_that_cannot_be_made_are_refused(change: dict[str, object]) -> None:
    spec = SampleSpec(Kind.CHART, Language.KOREAN, Variant.SCAN, Container.PDF, seed=1)
    with pytest.raises(ValueError, match=r"page|written|holds|turn|photo|upright"):
        replace(spec, **change)


def test_truth_runs_along_rows_whatever_the_order_of_drawing() -> None:
    book = Book(load(BUNDLED, hangul=True))
    sheet = book.sheet()
    sheet.text(300, 90, "넷")
    sheet.text(200, 50, "둘")
    sheet.text(40, 90, "셋 I10")
    sheet.text(40, 50, "하나")
    sheet.spaced_title(200, 150, "처방전", 20, 20)
    sheet.spaced_title(200, 190, "검사 결과", 20, 5)
    laid_out = book.close()
    assert laid_out.truth == ("하나 둘\n셋 I10 넷\n처 방 전\n검사 결과",)
    assert laid_out.critical == ("I10",)


def test_a_word_wider_than_its_cell_and_a_text_off_the_page_are_refused() -> None:
    sheet = Book(load(BUNDLED, hangul=True)).sheet()
    with pytest.raises(ValueError, match="wider"):
        table(sheet, 10, 10, (30,), ((label("아주아주긴낱말"),),), Style())
    with pytest.raises(ValueError, match="fill"):
        table(sheet, 10, 10, (30, 30), ((Cell("가"),),), Style())
    with pytest.raises(ValueError, match="leave"):
        sheet.text(580, 40, "밖으로 나가는 글")


def test_degradation_is_repeatable_and_keeps_its_promises() -> None:
    page = np.full((400, 300), 255, np.uint8)
    page[100:110, 40:260] = 0
    for change in (degrade.scan, degrade.fax, degrade.ruin):
        one, two = (change(page, np.random.default_rng(3)) for _ in range(2))
        assert np.array_equal(one, two)
        assert one.shape == page.shape
    assert set(np.unique(degrade.fax(page, np.random.default_rng(3)))) == {0, 255}
    ruined = degrade.ruin(page, np.random.default_rng(3)).astype(float)
    assert ruined[100:110, 60:240].mean() > 90  # the black bar has faded into the fog
    assert np.array_equal(degrade.turn(page, 90)[:, 0], page[-1, :])


def test_the_shipped_set_is_small_mixed_and_complete(manifest: list[dict[str, object]]) -> None:
    files = {path.name for path in SHIPPED_FOLDER.iterdir()}
    expected = {row[key] for row in manifest for key in ("file", "gt")} | {"manifest.jsonl", "README.md"}
    assert files == expected
    assert sum(path.stat().st_size for path in SHIPPED_FOLDER.iterdir()) < 6_000_000
    assert 12 <= len(manifest) <= 14
    assert 24 <= sum(row["pages"] for row in manifest) <= 30
    assert {Path(row["file"]).suffix for row in manifest} == {".pdf", ".png", ".jpg", ".tiff"}
    assert sum(len(row["blank"]) for row in manifest) == 1
    assert sum(len(row["unreadable"]) for row in manifest) == 1
    assert sum(len(row["turned"]) for row in manifest) == 1
    assert all(spec.typeface in {BUNDLED, SERIF, TYPEWRITER} for spec in SHIPPED)


def test_shipped_truth_and_manifest_come_out_the_same(
    manifest: list[dict[str, object]], shipped_layouts: dict[str, LaidOut]
) -> None:
    for (stem, laid_out), spec, row in zip(shipped_layouts.items(), SHIPPED, manifest, strict=True):
        assert json.loads(json.dumps(asdict(describe(spec, stem, laid_out)))) == row
        assert (SHIPPED_FOLDER / row["gt"]).read_bytes() == truth_text(laid_out).encode()
        assert len(truth_text(laid_out).split(PAGE_BREAK)) == row["pages"]
        assert all(token in truth_text(laid_out) for token in row["critical"])


def test_shipped_pictures_come_out_the_same(tmp_path: Path, manifest: list[dict[str, object]]) -> None:
    """One document of each variant; low resolution, because codecs may round differently from build to build."""
    variants = {row["variant"]: number for number, row in reversed(list(enumerate(manifest)))}
    assert set(variants) == {"clean", "scan", "fax", "photo", "rotated"}
    rows = generate([SHIPPED[number] for number in variants.values()], tmp_path)
    for row, number in zip(rows, variants.values(), strict=True):
        made, shipped = load_pages(tmp_path / row.file), load_pages(SHIPPED_FOLDER / manifest[number]["file"])
        assert len(made) == len(shipped) == row.pages
        for one, two in zip(made, shipped, strict=True):
            assert one.size == two.size
            assert np.abs(pixels(one) - pixels(two)).mean() < 1.0


def test_the_blank_page_bears_nothing_and_the_turned_page_lies_on_its_side() -> None:
    chart = load_pages(SHIPPED_FOLDER / "chart-ko-scan-01.pdf")
    ink = [(pixels(page)[20:-20, 40:-40] < 150).sum() for page in chart]
    assert [number for number, dark in enumerate(ink, 1) if dark == 0] == [4]
    upright, turned = load_pages(SHIPPED_FOLDER / "lab-report-ko-rotated-01.pdf")
    assert upright.height > upright.width
    assert turned.width > turned.height


def test_the_shipped_photo_needs_its_exif_orientation() -> None:
    with Image.open(SHIPPED_FOLDER / "prescription-ko-photo-01.jpg") as photo:
        assert photo.getexif()[0x0112] == 6
        assert photo.width > photo.height
        assert ImageOps.exif_transpose(photo).height > photo.height


def test_shipped_fax_pages_are_group_4() -> None:
    with Image.open(SHIPPED_FOLDER / "prescription-ko-fax-01.tiff") as fax:
        assert fax.n_frames == 2
        assert {frame.info["compression"] for frame in ImageSequence.Iterator(fax)} == {"group4"}
    with pymupdf.open(SHIPPED_FOLDER / "certificate-ko-fax-01.pdf") as document:
        assert [image[8] for image in document[0].get_images()] == ["CCITTFaxDecode"]


def test_planted_names_cover_the_people_in_the_shipped_files(manifest: list[dict[str, object]]) -> None:
    planted = planted_names()
    truths = [(SHIPPED_FOLDER / row["gt"]).read_text(encoding="utf-8") for row in manifest]
    assert all(any(text in truth for truth in truths) for text in planted)
    assert all(any(text in truth for text in planted) for truth in truths)
    assert len(planted) == len(set(planted)) > 50
    assert min(map(len, planted)) >= 3
