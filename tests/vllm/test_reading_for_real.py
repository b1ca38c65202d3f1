"""Pages read by a real vLLM: the text, its probabilities, and a confidence that knows when it does not know."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from random import Random

import numpy as np
import pytest

from ocr_pipeline.ports.engine import Engine, RecognitionOptions
from ocr_pipeline.recognition.assess import AssessmentRules, AssessPage
from tests.tiny_reader.pages import CodePage
from tests.vllm.damage import damaged
from tests.vllm.reading import image, number_pages, reading
from tests.vllm.real_vllm import RealVllm

pytestmark = [pytest.mark.vllm, pytest.mark.slow, pytest.mark.timeout(900)]

OPTIONS = RecognitionOptions(timeout=60.0, last=True)


def test_numbers_are_read_exactly(server: RealVllm) -> None:
    pages = number_pages(60, seed=11)
    with reading(server) as engine, ThreadPoolExecutor(2) as threads:
        texts = list(threads.map(lambda page: engine.recognise(image(page), OPTIONS), pages))
    right = sum(read.text == page.text for read, page in zip(texts, pages, strict=True))
    assert right >= 0.95 * len(pages), f"{right} of {len(pages)}"
    assert all(0 < word.confidence < 1 for text in texts for word in text.words)


def test_confidence_tells_right_from_wrong_where_probabilities_do_not(server: RealVllm) -> None:
    random = Random(5)
    pages = [damaged(page, random) for page in number_pages(120, seed=12)]
    with reading(server) as alone, reading(server, cross_check="always") as checked:
        by_model = scores(alone, pages)
        by_both = scores(checked, pages)
    wrong = sum(not right for right, _ in by_both)
    print(f"{wrong} of {len(pages)} wrong; AUROC {auroc(by_both):.3f}, log-probability alone {auroc(by_model):.3f}")
    assert 10 <= wrong <= len(pages) - 10, "the damage proves nothing"
    assert auroc(by_both) >= 0.95
    assert auroc(by_both) > auroc(by_model)


def scores(engine: Engine, pages: list[CodePage]) -> list[tuple[bool, float]]:
    """Whether each page was read right, and the confidence in it."""
    assess = AssessPage(AssessmentRules())
    found = []
    for page in pages:
        assessment = assess(engine.recognise(image(page), OPTIONS))
        found.append((assessment.page.text == page.text, assessment.confidence))
    return found


def auroc(scored: list[tuple[bool, float]]) -> float:
    """How likely a right page has more confidence than a wrong one; ties count half (Mann and Whitney, 1947)."""
    right = np.array([score for is_right, score in scored if is_right])
    wrong = np.array([score for is_right, score in scored if not is_right])
    above = (right[:, None] > wrong[None]).mean() + 0.5 * (right[:, None] == wrong[None]).mean()
    return float(above)
