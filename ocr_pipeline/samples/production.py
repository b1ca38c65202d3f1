"""Make sample documents with their ground truth and a manifest: the same specs make the same files.

The truth of `NAME.pdf` is `NAME.gt.txt`: UTF-8, rows from top to bottom, pages parted by a form feed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Final

import pymupdf

from ocr_pipeline.samples import containers, pictures, typefaces
from ocr_pipeline.samples.book import Book, LaidOut
from ocr_pipeline.samples.forms import (
    certificate_ko,
    chart_ko,
    discharge_summary,
    lab_report,
    prescription_en,
    prescription_ko,
)
from ocr_pipeline.samples.specs import (
    MAX_PAGES,
    WRITTEN_IN,
    Container,
    Kind,
    Language,
    SampleSpec,
    Variant,
    file_stems,
)

MANIFEST: Final = "manifest.jsonl"
PAGE_BREAK: Final = "\f"
_FORMS: Final[dict[tuple[Kind, Language], Callable[[Book, Random, int], None]]] = {
    (Kind.PRESCRIPTION, Language.KOREAN): prescription_ko.compose,
    (Kind.PRESCRIPTION, Language.ENGLISH): prescription_en.compose,
    (Kind.CERTIFICATE, Language.KOREAN): certificate_ko.compose,
    (Kind.CHART, Language.KOREAN): chart_ko.compose,
    (Kind.LAB_REPORT, Language.KOREAN): lab_report.compose_korean,
    (Kind.LAB_REPORT, Language.ENGLISH): lab_report.compose_english,
    (Kind.DISCHARGE_SUMMARY, Language.ENGLISH): discharge_summary.compose,
}
_USUAL_PAGES: Final = {
    Kind.PRESCRIPTION: (1, 2),
    Kind.CERTIFICATE: (1, 3),
    Kind.CHART: (3, MAX_PAGES),
    Kind.LAB_REPORT: (1, 3),
    Kind.DISCHARGE_SUMMARY: (1, 2),
}
_USUAL_CONTAINERS: Final = {
    Variant.CLEAN: (Container.PDF,),
    Variant.SCAN: (Container.PDF, Container.PDF, Container.TIFF),
    Variant.FAX: (Container.TIFF, Container.PDF),
    Variant.PHOTO: (Container.JPEG,),
}
_TURNED_ODDS: Final = 0.1
_BLANK_ODDS: Final = 0.3


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One document of the manifest. `critical` lists the tokens that must be right; page numbers start at 1.

    `turned` are the pages lying on their side or head; `turn` says how far, in degrees clockwise.
    """

    file: str
    gt: str
    use: str
    variant: str
    kind: str
    language: str
    pages: int
    seed: int
    blank: tuple[int, ...]
    unreadable: tuple[int, ...]
    turned: tuple[int, ...]
    turn: int
    critical: tuple[str, ...]


def lay_out(spec: SampleSpec) -> LaidOut:
    """Draw the record of `spec` and lay it out as a vector PDF, before any degradation."""
    korean = spec.language is Language.KOREAN
    book = Book(typefaces.load(spec.typeface, hangul=korean), frozenset(spec.blank))
    # Not for secrets: the same seed must make the same document.
    rng = Random(f"{spec.seed}/{spec.kind}/{spec.language}")  # noqa: S311
    _FORMS[spec.kind, spec.language](book, rng, spec.pages - len(set(spec.blank)))
    return book.close()


def truth_text(laid_out: LaidOut) -> str:
    """The content of the truth file: each page ends its last row, pages are parted by a form feed."""
    return PAGE_BREAK.join(f"{page}\n" for page in laid_out.truth)


def describe(spec: SampleSpec, stem: str, laid_out: LaidOut) -> ManifestRow:
    """The manifest's line for a document called `stem`."""
    return ManifestRow(
        file=f"{stem}.{spec.container}",
        gt=f"{stem}.gt.txt",
        use=spec.use,
        variant=spec.label,
        kind=spec.kind,
        language=spec.language,
        pages=spec.pages,
        seed=spec.seed,
        blank=spec.blank,
        unreadable=spec.unreadable,
        turned=tuple(page for page in range(1, spec.pages + 1) if spec.turn_of(page)),
        turn=spec.turn,
        critical=laid_out.critical,
    )


def generate(specs: Sequence[SampleSpec], out_dir: Path) -> tuple[ManifestRow, ...]:
    """Make every document of `specs`, its truth and `manifest.jsonl` in `out_dir`, which is made when missing.

    Raises ValueError for a typeface that is not to be had, OSError when the folder cannot be written.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    rows = tuple(_make(spec, stem, out_dir) for spec, stem in zip(specs, file_stems(specs), strict=True))
    lines = (json.dumps(asdict(row), ensure_ascii=False) for row in rows)
    (out_dir / MANIFEST).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
    return rows


def random_specs(count: int, seed: int, *, typeface_names: Sequence[str] = (typefaces.BUNDLED,)) -> list[SampleSpec]:
    """`count` documents of mixed kinds, variants and lengths. `typeface_names` are drawn from for more variety."""
    rng = Random(seed)  # noqa: S311
    return [_draw_spec(rng, rng.randrange(2**31), typeface_names) for _ in range(count)]


def _draw_spec(rng: Random, seed: int, typeface_names: Sequence[str]) -> SampleSpec:
    kind = rng.choice(tuple(Kind))
    variant = rng.choice(tuple(Variant))
    container = rng.choice(_USUAL_CONTAINERS[variant])
    pages = 1 if container is Container.JPEG else rng.randint(*_USUAL_PAGES[kind])
    leaves_blank = kind is Kind.CHART and pages > 1 and rng.random() < _BLANK_ODDS
    turns = variant is not Variant.CLEAN and rng.random() < _TURNED_ODDS
    return SampleSpec(
        kind=kind,
        language=rng.choice(WRITTEN_IN[kind]),
        variant=variant,
        container=container,
        seed=seed,
        pages=pages,
        turn=rng.choice((90, 180, 270)) if turns else 0,
        blank=(rng.randint(2, pages),) if leaves_blank else (),
        typeface=rng.choice(typeface_names),
    )


def _make(spec: SampleSpec, stem: str, out_dir: Path) -> ManifestRow:
    laid_out = lay_out(spec)
    row = describe(spec, stem, laid_out)
    if spec.variant is Variant.CLEAN and spec.container is Container.PDF:
        (out_dir / row.file).write_bytes(laid_out.pdf)
    else:
        _write_pictures(out_dir / row.file, laid_out.pdf, spec)
    (out_dir / row.gt).write_text(truth_text(laid_out), encoding="utf-8", newline="\n")
    return row


def _write_pictures(path: Path, pdf: bytes, spec: SampleSpec) -> None:
    with pymupdf.open(stream=pdf, filetype="pdf") as document:
        taken = [pictures.take(document, number, spec) for number in range(1, spec.pages + 1)]
    quality = pictures.QUALITY[spec.variant]
    if spec.variant is Variant.PHOTO:
        containers.write_photo(path, taken[0].image, orientation=taken[0].orientation, quality=quality)
        return
    images = [picture.image for picture in taken]
    containers.write(path, spec.container, images, dpi=pictures.DPI[spec.variant], quality=quality)
