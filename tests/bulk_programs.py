"""Real workers of every stage but for the recogniser, which reads the same two words on every page at once.

`celery -A tests.bulk_programs` finds `app` here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ocr_pipeline import bootstrap
from ocr_pipeline.bootstrap import adapters
from ocr_pipeline.bootstrap.stages import recognise_page
from ocr_pipeline.domain.text import Block, Box, Line, PageText, Word
from ocr_pipeline.ports.engine import PageImage, RecognitionOptions
from ocr_pipeline.recognition.recognise import RecognisePage
from ocr_pipeline.settings import Settings, load
from workers.celery_app import create_app
from workers.process import Stages


class QuickEngine:
    """Reads before anybody looks."""

    name = "quick/1"

    def recognise(self, page: PageImage, options: RecognitionOptions) -> PageText:
        words = tuple(
            Word(text, 0.99, Box(5 + 30 * place, 5, 30 + 30 * place, 17))
            for place, text in enumerate(("Ward", "seven"))
        )
        return PageText((Block((Line(words),)),), self.name, page.width, page.height, ink=0.1)

    def check(self) -> None:
        """Always well."""

    def close(self) -> None:
        """Nothing to give back."""


@contextmanager
def _recognition(settings: Settings) -> Iterator[RecognisePage]:
    with ExitStack() as stack:
        vault = adapters.vault(settings, adapters.key_provider(settings, stack))
        yield recognise_page(settings, adapters.object_store(settings, stack), vault, QuickEngine())


app = create_app(
    load,
    Stages(
        intake=bootstrap.intake_stage,
        recognition=_recognition,
        results=bootstrap.results_stage,
        reconcile=bootstrap.reconcile_stage,
        bulk=bootstrap.bulk_stage,
    ),
)
