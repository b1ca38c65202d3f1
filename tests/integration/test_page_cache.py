"""Pages that were read before, through the front door: over PostgreSQL, real keys and real files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pymupdf
import pytest
from PIL import Image, ImageDraw, ImageFont
from sqlalchemy import URL

from tests.gateway_fixtures import SAID, Gateway, OpenGateway, serving

PDF = {"Content-Type": "application/pdf", "Prefer": "wait=30"}


def scan(text: str) -> bytes:
    """A scanned page as scanners write it."""
    image = Image.new("L", (850, 1100), 255)
    ImageDraw.Draw(image).text((60, 200), text, fill=0, font=ImageFont.load_default(40))
    data = io.BytesIO()
    image.save(data, "JPEG")
    return data.getvalue()


def pdf(*scans: bytes) -> bytes:
    """A PDF of these pages."""
    with pymupdf.open() as document:
        for content in scans:
            page = document.new_page(width=612, height=792)
            page.insert_image(page.rect, stream=content)
        written: bytes = document.tobytes()
    return written


CHART, NOTE = scan("Amlodipine 5 mg"), scan("Losartan 50 mg")


def hand_in(client: httpx.Client, content: bytes, **query: str) -> dict[str, Any]:
    """The settled document."""
    answer = client.post("/v1/documents", params=query, content=content, headers=PDF)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    assert document["state"] == "completed"
    return document


def cached(client: httpx.Client, document: dict[str, Any]) -> list[bool]:
    """Which of its pages were not read anew."""
    return [page["cached"] for page in client.get(f"/v1/documents/{document['id']}/pages").json()["pages"]]


def kinds(client: httpx.Client, document: dict[str, Any]) -> list[str]:
    """What its intact audit trail tells."""
    trail = client.get(f"/v1/documents/{document['id']}/audit").json()
    assert trail["intact"] is True
    return [event["kind"] for event in trail["events"]]


@pytest.fixture
def known(gateway: Gateway) -> Iterator[tuple[Gateway, httpx.Client, dict[str, Any]]]:
    """A gateway that has read a chart for a client, and the document it was in."""
    with gateway.client() as client:
        document = hand_in(client, pdf(CHART))
        assert gateway.engine.pages == 1
        yield gateway, client, document


Known = tuple[Gateway, httpx.Client, dict[str, Any]]


def test_a_page_within_another_file_is_not_read_again(known: Known) -> None:
    gateway, client, first = known
    second = hand_in(client, pdf(NOTE, CHART))

    assert gateway.engine.pages == 2
    assert cached(client, second) == [False, True]
    assert kinds(client, second).count("page_known") == 1
    place = f"/v1/documents/{second['id']}"
    assert [page["text"] for page in client.get(f"{place}/json").json()["pages"]] == [SAID, SAID]
    assert client.get(f"{place}/pages/2").json()["engine"] == gateway.engine.name
    trail = client.get(f"{place}/audit").json()["events"]
    (told,) = (event for event in trail if event["kind"] == "page_known")
    assert (told["page"], told["details"]["source_document"], told["details"]["source_page"]) == (2, first["id"], 1)


def test_a_document_of_known_pages_is_completed_without_an_engine(known: Known) -> None:
    gateway, client, _ = known
    gateway.engine.may_read.clear()
    second = hand_in(client, pdf(CHART, CHART))

    assert gateway.engine.pages == 1
    assert cached(client, second) == [True, True]
    assert second["pages"] == {"accepted": 2}


def test_another_client_has_it_read(known: Known) -> None:
    gateway, _, _ = known
    with gateway.client("other-clinic") as other:
        assert cached(other, hand_in(other, pdf(CHART))) == [False]
        assert gateway.engine.pages == 2
        assert cached(other, hand_in(other, pdf(CHART, CHART))) == [True, True]
    assert gateway.engine.pages == 2


def test_again_reads_anew(known: Known) -> None:
    gateway, client, _ = known
    assert cached(client, hand_in(client, pdf(CHART), again="true")) == [False]
    assert gateway.engine.pages == 2
    assert cached(client, hand_in(client, pdf(CHART, CHART))) == [True, True]


def test_what_was_erased_is_read_again_and_copies_stay(known: Known) -> None:
    gateway, client, first = known
    copy = hand_in(client, pdf(CHART, CHART))
    assert client.delete(f"/v1/documents/{first['id']}").status_code == 204

    assert cached(client, hand_in(client, pdf(CHART, CHART, CHART))) == [False, False, False]
    assert gateway.engine.pages == 4
    assert SAID in client.get(f"/v1/documents/{copy['id']}/text").text


def test_another_configuration_reads_anew(tmp_path: Path, postgres_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def opened(**settings: Any) -> Iterator[tuple[Gateway, httpx.Client]]:
        with serving(tmp_path, postgres_url, monkeypatch, settings) as gateway, gateway.client() as client:
            gateway.engine.may_read.set()
            yield gateway, client

    with opened() as (_, client):
        hand_in(client, pdf(CHART))
    with opened(engine={"options": {"long_side": 960}}) as (gateway, client):
        assert cached(client, hand_in(client, pdf(NOTE, CHART))) == [False, False]
        assert gateway.engine.pages == 2
    with opened() as (gateway, client):
        assert cached(client, hand_in(client, pdf(CHART, CHART))) == [True, True]
        assert gateway.engine.pages == 0


def test_without_the_cache_every_page_is_read(open_gateway: OpenGateway) -> None:
    gateway = open_gateway(gateway={"response_cache": False})
    gateway.engine.may_read.set()
    with gateway.client() as client:
        for content in (pdf(CHART), pdf(CHART, CHART)):
            assert True not in cached(client, hand_in(client, content))
    assert gateway.engine.pages == 3
