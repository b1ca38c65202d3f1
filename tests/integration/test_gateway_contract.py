"""The API does what its OpenAPI document says: requests made from the document, every answer held against it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import strategies as st

from ocr_pipeline.domain.clients import Role
from tests.gateway_fixtures import Gateway, OpenGateway, new_page
from tests.gateway_requests import PNG

pytestmark = pytest.mark.slow

EXAMPLES = 25
_OURS = {"authorization", "signature", "content-length", "host"}
"""Headers that are not for a case to say: the client signs, and knows how long the body is."""


@pytest.fixture
def driven(open_gateway: OpenGateway) -> Iterator[tuple[Gateway, httpx.Client, str]]:
    """A gateway with one settled document, a client that may do everything, and the document's id."""
    gateway = open_gateway(gateway={"max_wait_seconds": 0, "max_streams": 5, "idle_body_seconds": 2})
    gateway.engine.may_read.set()
    with gateway.client("driver", roles=tuple(Role), queued_pages=1_000_000) as client:
        gateway.service.watch._most = 5
        answer = client.post("/v1/documents", content=new_page(), headers=PNG)
        yield gateway, client, answer.json()["id"]


def test_every_operation_answers_as_described(driven: tuple[Gateway, httpx.Client, str]) -> None:
    gateway, client, document_id = driven
    described = schemathesis.openapi.from_url(f"{gateway.url}/openapi.json")
    operations = [found.ok() for found in described.get_all_operations()]
    assert len(operations) >= 14
    for operation in operations:
        _drive(operation, client, document_id)


def _drive(operation: Any, client: httpx.Client, document_id: str) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(), known=st.booleans())
    def ask(case: Any, known: bool) -> None:
        if known and "document_id" in (case.path_parameters or {}):
            case.path_parameters["document_id"] = document_id
        if operation.path.endswith("/events") and known:
            return
        try:
            made = requests.Request(**case.as_transport_kwargs(base_url=str(client.base_url))).prepare()
            headers = {name: value for name, value in made.headers.items() if name.lower() not in _OURS}
            answer = client.request(made.method or "GET", made.url or "", headers=headers, content=made.body)
        except (httpx.LocalProtocolError, httpx.InvalidURL, requests.RequestException, UnicodeError):
            reject()
        assert answer.status_code < 500, f"{operation.label}: {answer.status_code}"
        _check(operation, answer)

    ask()


def _check(operation: Any, answer: httpx.Response) -> None:
    described = operation.definition.raw["responses"]
    status = str(answer.status_code)
    assert status in described or answer.status_code in {400, 401, 404, 405}, f"{operation.label} gave {status}"
    if answer.status_code >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"]
    elif "json" in answer.headers.get("Content-Type", "") and "application/json" in described[status].get(
        "content", {}
    ):
        operation.validate_response(schemathesis.Response.from_httpx(answer, verify=False))
