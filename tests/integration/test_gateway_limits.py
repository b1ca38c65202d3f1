"""Where a running gateway counts what its clients ask for."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from ocr_pipeline.adapters import limits
from tests.gateway_fixtures import Gateway, OpenGateway
from tests.services_fixtures import lacking
from tests.waiting import PATIENCE
from tools.private_valkey import ValkeyServer, ValkeyServerError


def test_a_gateway_counts_in_valkey_and_alone_while_it_is_away(
    open_gateway: OpenGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits long, so that no pause of the machine counts as an outage."""
    monkeypatch.setattr(limits, "ValkeyLimiter", partial(limits.ValkeyLimiter, timeout=PATIENCE))
    server = ValkeyServer(tmp_path / "valkey")
    try:
        server.start()
    except ValkeyServerError as error:
        lacking(str(error))
    try:
        gateway = open_gateway(gateway={"limiter": "valkey", "valkey_url": server.url})
        assert statuses(gateway, "clinic") == [200, 200, 429]
        assert counted_alone(gateway) == 0
        server.kill()
        assert statuses(gateway, "ward") == [200, 200, 429]
        assert counted_alone(gateway) == 3
    finally:
        server.kill()


def statuses(gateway: Gateway, name: str) -> list[int]:
    with gateway.client(name, requests_per_minute=1, burst=2) as client:
        return [client.get("/v1/documents").status_code for _ in range(3)]


def counted_alone(gateway: Gateway) -> float:
    with gateway.anybody() as client:
        lines = client.get("/metrics").text.splitlines()
    (line,) = [line for line in lines if line.startswith("ocr_gateway_limited_alone_total")]
    return float(line.split()[1])
