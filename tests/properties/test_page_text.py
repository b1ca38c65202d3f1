from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.domain.sealing import Place, Purpose
from ocr_pipeline.domain.text import PageText
from tests.properties.strategies import document_ids, page_texts


@given(page_texts)
def test_a_page_survives_its_bytes(page: PageText) -> None:
    assert PageText.from_bytes(page.to_bytes()) == page


@given(page_texts)
def test_text_holds_every_word_in_order(page: PageText) -> None:
    assert page.text.split() == [word.text for word in page.words]
    assert 0.0 <= page.mean_confidence <= 1.0
    assert page.is_empty == (not page.text.split())


@given(st.binary(max_size=60))
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any ValueError is the contract
        PageText.from_bytes(data)


places = st.builds(Place, document_ids, st.sampled_from(Purpose), st.integers(0, 5000))


@given(places, places)
def test_associated_data_tells_places_apart(one: Place, other: Place) -> None:
    assert (one.associated_data() == other.associated_data()) == (one == other)


def test_a_place_names_its_document() -> None:
    document = DocumentId(__import__("uuid").UUID(int=7))
    assert str(document).encode() in Place(document, Purpose.NAME).associated_data()
