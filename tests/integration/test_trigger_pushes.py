"""Events over HTTP, from whoever may send them and from a real SeaweedFS, and the results that go back to S3."""

from __future__ import annotations

import json
from pathlib import Path
from threading import Event

import pymupdf
import pytest
from prometheus_client import CollectorRegistry

from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from ocr_pipeline.bootstrap.trigger_metrics import TriggerMetrics
from ocr_pipeline.bootstrap.triggers import triggers
from tests.e2e.cli_harness import line_page
from tests.gateway_fixtures import SAID, Gateway, OpenGateway
from tests.gateway_requests import problem
from tests.trigger_fixtures import PNG, bucket, documents, notification, record
from tests.waiting import until
from tools.private_seaweed import SeaweedServer

__all__ = ["bucket"]

pytestmark = [pytest.mark.services, pytest.mark.slow]

TOKEN = "a-token-of-no-less-than-24-characters"


def open_door(open_gateway: OpenGateway, bucket: str, server: S3Endpoint) -> Gateway:
    return open_gateway(
        storage={
            "endpoint_url": server.endpoint_url,
            "access_key": server.access_key,
            "secret_key": server.secret_key,
        },
        triggers={
            "sources": [
                {"kind": "webhook", "name": "minio", "token": TOKEN},
                {"kind": "webhook", "name": "signed", "clients": ["clinic"]},
            ],
            "rules": [{"bucket": bucket, "prefix": "in/", "client": "clinic"}],
            "wait_seconds": 0.1,
            "lister": {"enabled": False},
        },
    )


def work(gateway: Gateway) -> None:
    with triggers(gateway.service.pipeline, TriggerMetrics(CollectorRegistry()), Event()) as running:
        running.run_once()


def held(gateway: Gateway) -> tuple[int, int]:
    with gateway.service.pipeline.records() as uow:
        return uow.held_events.counts(most=100)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_events_come_by_token_or_signature_and_forged_ones_do_not(
    open_gateway: OpenGateway, object_server: S3Endpoint, bucket: str
) -> None:
    gateway = open_door(open_gateway, bucket, object_server)
    message = notification(record(bucket, "in/1.png")).encode()
    with gateway.anybody() as nobody, gateway.client("clinic") as clinic, gateway.client("other") as other:
        for headers in ({}, bearer("wrong" * 8), bearer(TOKEN[:-1]), {"Authorization": f"Basic {TOKEN}"}):
            answer = nobody.post("/v1/events/s3/minio", content=message, headers=headers)
            assert answer.status_code == 401, headers
        assert problem(nobody.post("/v1/events/s3/signed", content=message, headers=bearer(TOKEN)))[0] == 401
        assert problem(nobody.post("/v1/events/s3/else", content=message, headers=bearer(TOKEN)))[0] == 401
        assert problem(other.post("/v1/events/s3/signed", content=message)) == (403, "forbidden")
        assert problem(clinic.post("/v1/events/s3/minio", content=message)) == (403, "forbidden")
        assert problem(clinic.post("/v1/events/s3/else", content=message)) == (404, "not_found")
        assert held(gateway) == (0, 0)
        assert nobody.post("/v1/events/s3/minio", content=message, headers=bearer(TOKEN)).status_code == 202
        assert clinic.post("/v1/events/s3/signed", content=message).status_code == 202
        assert held(gateway) == (2, 0)
    work(gateway)
    assert held(gateway) == (0, 0)
    assert documents(gateway.service.pipeline) == 1


def test_bodies_are_bounded_poison_is_parked_and_what_concerns_nobody_is_let_go(
    open_gateway: OpenGateway, object_server: S3Endpoint, bucket: str
) -> None:
    gateway = open_door(open_gateway, bucket, object_server)
    with gateway.anybody() as sender:
        sender.headers.update(bearer(TOKEN))
        assert problem(sender.post("/v1/events/s3/minio", content=b"x" * 300_000)) == (413, "too_large")
        assert sender.post("/v1/events/s3/minio", content=b'{"Event":"s3:TestEvent"}').status_code == 202
        assert held(gateway) == (0, 0)
        assert sender.post("/v1/events/s3/minio", content=b"poison").status_code == 202
        assert held(gateway) == (1, 0)
    work(gateway)
    assert held(gateway) == (0, 1)


def test_a_full_house_sends_events_away(open_gateway: OpenGateway, object_server: S3Endpoint) -> None:
    gateway = open_gateway(triggers={"sources": [{"kind": "webhook", "name": "minio", "token": TOKEN}], "max_held": 2})
    with gateway.anybody() as sender:
        sender.headers.update(bearer(TOKEN))
        answers = [sender.post("/v1/events/s3/minio", content=b"poison") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 503]
    assert int(answers[-1].headers["Retry-After"]) >= 1


def test_a_real_filer_tells_by_webhook(open_gateway: OpenGateway, tmp_path: Path) -> None:
    server = SeaweedServer(tmp_path / "weed")
    gateway = open_door(open_gateway, "scans", server.endpoint)
    gateway.issue("clinic")
    lines = [
        "[notification.webhook]",
        "enabled = true",
        f'endpoint = "{gateway.url}/v1/events/s3/minio"',
        f'bearer_token = "{TOKEN}"',
        'path_prefixes = ["/buckets/"]',
    ]
    (tmp_path / "weed" / "notification.toml").write_text("\n".join(lines))
    try:
        server.start()
        client = server.endpoint.client()
        client.create_bucket(Bucket="scans")
        client.put_object(Bucket="scans", Key="in/환자 1+2.png", Body=PNG + b"first")
        client.put_object(Bucket="scans", Key="in/환자 1+2.png", Body=PNG + b"second")
        client.put_object(Bucket="scans", Key="in/2.png", Body=PNG + b"third")
        client.delete_object(Bucket="scans", Key="in/never.png")

        def arrived() -> bool:
            work(gateway)
            return documents(gateway.service.pipeline) >= 2

        until(arrived, "both objects")
        client.close()
    finally:
        server.kill()
    assert held(gateway)[1] == 0, "a filer says nothing that cannot be read"


def test_results_go_back_beside_what_they_came_from(
    open_gateway: OpenGateway, object_server: S3Endpoint, bucket: str
) -> None:
    gateway = open_gateway(
        storage={
            "endpoint_url": object_server.endpoint_url,
            "access_key": object_server.access_key,
            "secret_key": object_server.secret_key,
        },
        triggers={
            "rules": [{"bucket": bucket, "prefix": "results/", "client": "clinic"}],
            "wait_seconds": 0.1,
            "lister": {"interval_minutes": 0.001, "grace_seconds": 0},
            "output": {"forms": ["text", "json", "pdf"], "prefix": "results/done/", "tag": True},
        },
    )
    gateway.engine.may_read.set()
    gateway.issue("clinic")
    client = object_server.client()
    client.put_object(Bucket=bucket, Key="results/환자 1.png", Body=line_page("Ward 7"))

    def written() -> bool:
        work(gateway)
        return len(client.list_objects_v2(Bucket=bucket, Prefix="results/done/").get("Contents", [])) == 3

    until(written, "three results")
    work(gateway)
    assert documents(gateway.service.pipeline) == 1, "results are no input"
    content = {
        form: client.get_object(Bucket=bucket, Key=f"results/done/results/환자 1.png.{form}")["Body"].read()
        for form in ("txt", "json", "pdf")
    }
    assert SAID in content["txt"].decode()
    assert json.loads(content["json"])["state"] == "completed"
    with pymupdf.open("pdf", content["pdf"]) as pdf:
        assert "Amlodipine" in pdf[0].get_text()
        assert len(pdf[0].get_images()) == 1
    tags = client.get_object_tagging(Bucket=bucket, Key="results/환자 1.png")["TagSet"]
    assert tags == [{"Key": "ocr-pipeline", "Value": "completed"}]
    client.close()
