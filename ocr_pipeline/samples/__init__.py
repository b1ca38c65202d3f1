"""Invented medical pages with exact ground truth, made from seeds: for trying the pipeline and for its tests.

`generate` makes documents from specs, `random_specs` draws specs, `write_shipped` makes the set in `samples/`, and
`planted_names` lists the people's names and numbers printed in it.
"""

from ocr_pipeline.samples.production import ManifestRow, generate, random_specs
from ocr_pipeline.samples.shipped import SHIPPED, planted_names, write_shipped
from ocr_pipeline.samples.specs import Container, Kind, Language, SampleSpec, Use, Variant

__all__ = [
    "SHIPPED",
    "Container",
    "Kind",
    "Language",
    "ManifestRow",
    "SampleSpec",
    "Use",
    "Variant",
    "generate",
    "planted_names",
    "random_specs",
    "write_shipped",
]
