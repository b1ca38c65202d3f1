"""The set of samples that ships with the project: every kind, variant and container in fewer than thirty pages."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ocr_pipeline.samples.production import ManifestRow, generate, lay_out
from ocr_pipeline.samples.specs import Container, Kind, Language, SampleSpec, Variant

SHIPPED: Final = (
    SampleSpec(Kind.PRESCRIPTION, Language.KOREAN, Variant.CLEAN, Container.PDF, seed=101),
    SampleSpec(Kind.PRESCRIPTION, Language.KOREAN, Variant.SCAN, Container.PDF, seed=102, pages=2),
    SampleSpec(Kind.PRESCRIPTION, Language.KOREAN, Variant.SCAN, Container.PDF, seed=103, unreadable=(1,)),
    SampleSpec(Kind.PRESCRIPTION, Language.KOREAN, Variant.FAX, Container.TIFF, seed=104, pages=2),
    SampleSpec(Kind.PRESCRIPTION, Language.KOREAN, Variant.PHOTO, Container.JPEG, seed=105),
    SampleSpec(Kind.PRESCRIPTION, Language.ENGLISH, Variant.SCAN, Container.JPEG, seed=121),
    SampleSpec(Kind.CERTIFICATE, Language.KOREAN, Variant.CLEAN, Container.PDF, seed=107, pages=3),
    SampleSpec(Kind.CERTIFICATE, Language.KOREAN, Variant.FAX, Container.PDF, seed=108),
    SampleSpec(Kind.CHART, Language.KOREAN, Variant.SCAN, Container.PDF, seed=109, pages=7, blank=(4,)),
    SampleSpec(Kind.LAB_REPORT, Language.KOREAN, Variant.CLEAN, Container.PNG, seed=110),
    SampleSpec(Kind.LAB_REPORT, Language.KOREAN, Variant.SCAN, Container.PDF, seed=111, pages=2, turn=90, turned=(2,)),
    SampleSpec(Kind.LAB_REPORT, Language.ENGLISH, Variant.FAX, Container.TIFF, seed=112, typeface="typewriter"),
    SampleSpec(Kind.DISCHARGE_SUMMARY, Language.ENGLISH, Variant.CLEAN, Container.PDF, seed=113, pages=2),
    SampleSpec(
        Kind.DISCHARGE_SUMMARY, Language.ENGLISH, Variant.SCAN, Container.TIFF, seed=114, pages=2, typeface="serif"
    ),
)


def write_shipped(out_dir: Path) -> tuple[ManifestRow, ...]:
    """Make the shipped set in `out_dir`; other files there (the README) are left alone."""
    return generate(SHIPPED, out_dir)


def planted_names() -> tuple[str, ...]:
    """Every name, number and address of a person that is printed in the shipped samples.

    Nothing of this may ever be found in logs, metrics, object keys or unencrypted storage.
    """
    planted = (text for spec in SHIPPED for text in lay_out(spec).planted)
    return tuple(dict.fromkeys(planted))
