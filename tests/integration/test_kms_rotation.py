"""The key in KMS is changed as the guide says, by the command line alone; KMS is a stand-in that speaks its API."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from moto.kms.models import kms_backends
from moto.server import ThreadedMotoServer
from sqlalchemy import URL

from ocr_pipeline.adapters.keys.aws_kms import KmsEndpoint
from tests.e2e.cli_harness import Cli, line_page
from tests.gateway_processes import SAID, GatewayPair

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

ALIAS = "alias/ocr-documents"
REGION = "us-east-1"
ACCOUNT = "123456789012"

pytestmark = [pytest.mark.services, pytest.mark.slow]


@dataclass(frozen=True)
class Kms:
    """KMS as its administrator sees it."""

    url: str
    client: KMSClient

    def point_at_a_new_key(self) -> str:
        """Where the alias leads from now on; returns the new key's ARN."""
        arn = self.client.create_key()["KeyMetadata"]["Arn"]
        known = {each["AliasName"] for each in self.client.list_aliases()["Aliases"]}
        point = self.client.update_alias if ALIAS in known else self.client.create_alias
        point(AliasName=ALIAS, TargetKeyId=arn)
        return arn

    def new_mac_key(self) -> str:
        return self.client.create_key(KeyUsage="GENERATE_VERIFY_MAC", KeySpec="HMAC_256")["KeyMetadata"]["Arn"]

    def destroy(self, arn: str) -> Callable[[], None]:
        """Take a key away, as the end of its waiting time does; returns what brings it back.

        The stand-in goes on opening with a key that waits for its deletion.
        """
        key_id = arn.rpartition("/")[2]
        keys = kms_backends[ACCOUNT][REGION].keys
        gone = keys.pop(key_id)
        return lambda: keys.update({key_id: gone})


@pytest.fixture
def kms() -> Iterator[Kms]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    client = KmsEndpoint(region=REGION, endpoint_url=url, access_key="admin", secret_key="admin").client()
    try:
        yield Kms(url, client)
    finally:
        client.close()
        server.stop()


@pytest.fixture
def cli(kms: Kms, tmp_path: Path, postgres_url: URL) -> Cli:
    """The command, which finds its credentials as any program of AWS does, over an engine that costs nothing."""
    gateways = GatewayPair(
        tmp_path,
        postgres_url.render_as_string(hide_password=False),
        AWS_ACCESS_KEY_ID="tester",
        AWS_SECRET_ACCESS_KEY="tester-secret",
        OCR_PIPELINE_KEYS__PROVIDER="aws_kms",
        OCR_PIPELINE_KEYS__KMS_KEY_ID=ALIAS,
        OCR_PIPELINE_KEYS__KMS_FINGERPRINT_KEY_ID=kms.new_mac_key(),
        OCR_PIPELINE_KEYS__KMS_ENDPOINT_URL=kms.url,
        OCR_PIPELINE_KEYS__KMS_REGION=REGION,
    )
    return Cli(tmp_path / "data", **gateways.processes[0].environment)


def read(cli: Cli, folder: Path, name: str) -> str:
    """A new scan, read; returns its document."""
    scan = folder / f"{name}.png"
    scan.write_bytes(line_page(f"Ward {name}"))
    cli.run("run", scan, "--out", folder / "texts")
    return str(cli.run("status")["listed"][0]["document_id"])


def text_of(cli: Cli, document: str) -> str:
    return str(cli.run("show", document)["pages"][0]["text"])


def in_use(cli: Cli) -> dict[str, Any]:
    return {each["key_id"]: each["count"] for each in cli.run("keys", "list")["in_use"]}


@pytest.mark.timeout(3000)
def test_a_key_of_kms_is_changed_by_the_command_line(kms: Kms, cli: Cli, tmp_path: Path) -> None:
    old = kms.point_at_a_new_key()
    assert "where they are kept" in cli.fail("keys", "create", code=3)
    first = read(cli, tmp_path, "Alder")
    assert in_use(cli) == {old: 1}

    assert "rotates its keys itself" in cli.fail("keys", "rotate", code=3)
    new = kms.point_at_a_new_key()
    second = read(cli, tmp_path, "Birch")
    assert in_use(cli) == {old: 1, new: 1}
    assert "where they are kept" in cli.fail("keys", "destroy", old, "--yes", code=3)

    give_back = kms.destroy(old)
    assert "gone from KMS" in cli.fail("keys", "rotate", "--rewrap-only", code=7)
    give_back()
    rotated = cli.run("keys", "rotate", "--rewrap-only")
    assert (rotated["key_id"], rotated["rewrapped"], rotated["left"]) == (new, 1, 0)
    assert in_use(cli) == {new: 2}

    kms.destroy(old)
    for document in (first, second):
        assert SAID in text_of(cli, document)
    # The client's fingerprints come from a key that no rotation changes: the same scan is the same document.
    assert cli.run("run", tmp_path / "Alder.png", "--out", tmp_path / "texts")["known_already"] == 1
    assert cli.run("audit", "verify")["broken"] == []
