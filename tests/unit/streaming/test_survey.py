"""A page is surveyed: about as many characters are counted as there are, whatever paper they stand on."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
import pymupdf
import pytest
from PIL import Image

from ocr_pipeline.adapters.engines.cpu.imaging import Grey
from ocr_pipeline.adapters.engines.survey import OpenCvSurveyor, count, grain
from ocr_pipeline.domain.errors import PageUnreadable
from ocr_pipeline.ports.engine import PageImage
from ocr_pipeline.ports.survey import Survey
from ocr_pipeline.samples import Container, Kind, Language, SampleSpec, Variant
from ocr_pipeline.samples.pictures import take
from ocr_pipeline.samples.production import lay_out

FORMS = ((Kind.CERTIFICATE, Language.KOREAN), (Kind.DISCHARGE_SUMMARY, Language.ENGLISH))


@cache
def form(kind: Kind, language: Language, variant: Variant) -> tuple[Image.Image, int]:
    """A sample page as it reaches the hospital, and how many letters and digits stand on it."""
    container = Container.JPEG if variant is Variant.PHOTO else Container.PDF
    spec = SampleSpec(kind=kind, language=language, variant=variant, container=container, seed=7)
    laid_out = lay_out(spec)
    with pymupdf.open(stream=laid_out.pdf, filetype="pdf") as document:
        return take(document, 1, spec).image.convert("L"), sum(map(str.isalnum, laid_out.truth[0]))


def grey(image: Image.Image) -> Grey:
    return np.asarray(image, np.uint8)


def surveyed(image: Image.Image) -> Survey:
    out = io.BytesIO()
    image.save(out, "PNG")
    return OpenCvSurveyor().survey(PageImage(out.getvalue(), "image/png", *image.size))


def typed(rows: list[str]) -> Image.Image:
    document = pymupdf.open()
    page = document.new_page(width=595, height=842)
    for at, row in enumerate(rows):
        page.insert_text((60, 60 + 18 * at), row, fontsize=11)
    pixmap = page.get_pixmap(dpi=150, colorspace=pymupdf.csGRAY)
    return Image.frombytes("L", (pixmap.width, pixmap.height), pixmap.samples)


@pytest.mark.parametrize(("kind", "language"), FORMS)
@pytest.mark.parametrize("variant", Variant)
def test_the_count_is_about_right(kind: Kind, language: Language, variant: Variant) -> None:
    image, written = form(kind, language, variant)

    survey = surveyed(image)

    assert survey.glyphs is not None
    assert 0.65 * written < survey.glyphs < 1.5 * written
    assert survey.ink > 0.01


@pytest.mark.parametrize("turn", [Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270])
def test_a_turned_page_counts_alike(turn: Image.Transpose) -> None:
    image, _ = form(Kind.DISCHARGE_SUMMARY, Language.ENGLISH, Variant.CLEAN)

    assert count(grey(image.transpose(turn))).glyphs == pytest.approx(count(grey(image)).glyphs, rel=0.3)


def test_light_print_on_dark_paper_counts_alike() -> None:
    image, _ = form(Kind.DISCHARGE_SUMMARY, Language.ENGLISH, Variant.CLEAN)

    assert count(255 - grey(image)).glyphs == pytest.approx(count(grey(image)).glyphs, rel=0.05)


def test_rules_and_specks_are_no_characters() -> None:
    rng = np.random.default_rng(1)
    page = np.full((1_400, 1_000), 255, np.uint8)
    page[100:1_300:60, 50:950] = 0
    page[100:1_300, 50:950:150] = 0
    page[rng.integers(0, 1_400, 800), rng.integers(0, 1_000, 800)] = 0

    assert count(page).glyphs < 10


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_page_holds_nothing(level: int) -> None:
    survey = surveyed(Image.new("L", (600, 800), level))

    assert survey == Survey(0.0, 0, 0)


@pytest.mark.parametrize(("noise", "counted"), [(0.0, True), (15.0, True), (25.0, True), (90.0, False), (140.0, False)])
def test_a_page_full_of_grain_is_not_counted(noise: float, *, counted: bool) -> None:
    image, written = form(Kind.DISCHARGE_SUMMARY, Language.ENGLISH, Variant.CLEAN)
    rough = grey(image) + np.random.default_rng(3).normal(0.0, noise, (image.height, image.width))
    glyphs = surveyed(Image.fromarray(np.clip(rough, 0, 255).astype(np.uint8))).glyphs

    assert (glyphs is not None) is counted
    assert glyphs is None or written / 1.5 <= glyphs <= 1.5 * written


def test_grain_is_told_from_print() -> None:
    flat = np.full((400, 400), 128, np.uint8)
    rough = (128 + np.random.default_rng(3).normal(0.0, 20.0, flat.shape)).astype(np.uint8)

    assert grain(flat) == 0
    assert grain(rough) == pytest.approx(20.0, rel=0.05)
    assert grain(grey(form(Kind.CERTIFICATE, Language.KOREAN, Variant.CLEAN)[0])) < 1


def test_a_dot_and_its_stem_are_one_character() -> None:
    row = "joined by him in mind; did a drip finish?"

    assert count(grey(typed([row] * 20))).glyphs == pytest.approx(20 * sum(map(str.isalnum, row)), rel=0.2)


def test_rows_alike_have_twins_and_others_few() -> None:
    alike = count(grey(typed(["0.9% NS 100 mL IV q8h given"] * 30)))
    mixed = count(
        grey(typed([f"{chr(97 + at % 26)}{'rowing'[at % 6 :]} {at * 7919 % 9973} slept well" for at in range(30)]))
    )
    turned = count(grey(typed(["0.9% NS 100 mL IV q8h given"] * 30).transpose(Image.Transpose.ROTATE_90)))

    assert alike.twins is not None
    assert alike.twins > 0.8 * alike.glyphs
    assert mixed.twins is not None
    assert mixed.twins < 0.7 * mixed.glyphs
    assert turned.twins is None


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(PageUnreadable):
        OpenCvSurveyor().survey(PageImage(b"no image", "image/png", 10, 10))
