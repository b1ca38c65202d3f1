"""`ocr-pipeline clients`: what the commands make of options, what they print, and when a secret is seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from typer.testing import CliRunner, Result

from ocr_pipeline.adapters.keys.data_key_cache import DataKeyCache
from ocr_pipeline.adapters.keys.memory import MemoryKeyProvider
from ocr_pipeline.adapters.keys.vault import AesGcmVault
from ocr_pipeline.adapters.memory.records import MemoryRecords
from ocr_pipeline.bootstrap import Application
from ocr_pipeline.cli.clients import build
from ocr_pipeline.cli.main import build as build_all
from ocr_pipeline.cli.session import Session
from ocr_pipeline.domain.errors import Conflict, NotFound
from ocr_pipeline.domain.ids import ClientId, KeyId
from ocr_pipeline.operations.access import InvalidAccess, key_secret
from ocr_pipeline.settings import Settings
from ocr_pipeline.signing import decode_secret
from tests.unit.world import FakeClock


@dataclass(frozen=True)
class Desk(Session):
    """A session over records in memory."""

    settings: Settings = field(default_factory=Settings)
    records: MemoryRecords = field(default_factory=MemoryRecords)
    vault: AesGcmVault = field(default_factory=lambda: AesGcmVault(MemoryKeyProvider(), DataKeyCache(0, 0)))
    clock: FakeClock = field(default_factory=FakeClock)

    @contextmanager
    def open(self) -> Iterator[Application]:
        yield cast("Application", SimpleNamespace(records=self.records, vault=self.vault, clock=self.clock))

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(build(), arguments, obj=self)

    def json(self, *arguments: str) -> Any:
        result = self.run(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.json("create", "hospital-a")
    return made


def test_a_client_without_options_is_a_submitter_with_the_usual_allowance(desk: Desk) -> None:
    (client,) = desk.json("list")
    assert client["client_id"] == "hospital-a"
    assert client["roles"] == ["submitter"]
    assert (client["requests_per_minute"], client["burst"], client["queued_pages"]) == (60, 10, 2000)
    assert client["sources"] == []


def test_a_client_is_made_as_told(desk: Desk) -> None:
    desk.json(
        *("create", "clinic-b", "--role", "reviewer", "--role", "auditor", "--requests-per-minute", "5"),
        *("--burst", "2", "--queued-pages", "7", "--source", "s3://scans/a", "--source", "s3://scans/b"),
    )
    made = desk.json("list")[0]
    assert made["client_id"] == "clinic-b"
    assert made["roles"] == ["auditor", "reviewer"]
    assert (made["requests_per_minute"], made["burst"], made["queued_pages"]) == (5, 2, 7)
    assert made["sources"] == ["s3://scans/a", "s3://scans/b"]


def test_a_change_leaves_what_is_not_named(desk: Desk) -> None:
    desk.json("change", "hospital-a", "--burst", "3", "--source", "s3://scans/a")
    changed = desk.json("change", "hospital-a", "--requests-per-minute", "9")
    assert (changed["requests_per_minute"], changed["burst"], changed["sources"]) == (9, 3, ["s3://scans/a"])
    assert changed["roles"] == ["submitter"]
    assert desk.json("change", "hospital-a", "--no-sources")["sources"] == []
    assert desk.run("change", "hospital-a", "--no-sources", "--source", "s3://scans/b").exit_code == 2


def test_a_disabled_client_can_be_enabled(desk: Desk) -> None:
    assert desk.json("disable", "hospital-a")["disabled_at"] is not None
    assert "disabled" in desk.run("list").stdout
    assert desk.json("enable", "hospital-a")["disabled_at"] is None


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["create", "hospital-a"], Conflict),
        (["create", "Hospital A"], InvalidAccess),
        (["create", "clinic-b", "--source", "https://scans"], InvalidAccess),
        (["change", "nobody", "--burst", "1"], NotFound),
        (["disable", "nobody"], NotFound),
        (["enable", "nobody"], NotFound),
        (["webhook-secret", "nobody"], NotFound),
        (["keys", "create", "nobody"], NotFound),
        (["keys", "rotate", "nobody"], NotFound),
        (["keys", "revoke", "ock_none"], NotFound),
        (["keys", "list", "nobody"], NotFound),
    ],
)
def test_what_cannot_be_is_told(desk: Desk, arguments: list[str], error: type[Exception]) -> None:
    assert type(desk.run(*arguments).exception) is error


@pytest.mark.parametrize("option", ["--role=king", "--burst=0", "--requests-per-minute=0", "--queued-pages=0"])
def test_wrong_options_are_wrong_usage(desk: Desk, option: str) -> None:
    assert desk.run("create", "clinic-b", option).exit_code == 2


def test_the_printed_secret_is_that_of_the_key(desk: Desk) -> None:
    issued = desk.json("keys", "create", "hospital-a")
    with desk.records() as uow:
        key = uow.clients.key(KeyId(issued["key_id"]))
    assert decode_secret(issued["secret"]) == key_secret(desk.vault, key)
    assert "=" not in issued["secret"]


@pytest.mark.parametrize("command", [["create", "clinic-b", "--key"], ["keys", "create", "hospital-a"]])
def test_whoever_sees_a_secret_is_told_that_it_is_shown_once(desk: Desk, command: list[str]) -> None:
    result = desk.run(*command)
    secret = next(line for line in result.stdout.splitlines() if line.startswith("secret")).split()[1]
    assert len(decode_secret(secret)) == 32
    assert "once" in result.stderr


def test_a_secret_is_never_seen_again(desk: Desk) -> None:
    issued = [desk.json("keys", "create", "hospital-a"), desk.json("keys", "rotate", "hospital-a")]
    later = [
        ["list"],
        ["keys", "list", "hospital-a"],
        ["disable", "hospital-a"],
        ["keys", "revoke", issued[0]["key_id"]],
    ]
    for command in later:
        shown = desk.run(*command, "--json").output + desk.run(*command).output
        assert not any(each["secret"] in shown for each in issued)


def test_rotating_ends_the_keys_before_after_the_overlap(desk: Desk) -> None:
    old = desk.json("keys", "create", "hospital-a")["key_id"]
    new = desk.json("keys", "rotate", "hospital-a", "--overlap-hours", "2")["key_id"]
    assert states(desk) == {old: "usable", new: "usable"}
    desk.clock.advance(hours=2)
    assert states(desk) == {old: "expired", new: "usable"}


def test_rotating_without_overlap_ends_them_at_once(desk: Desk) -> None:
    old = desk.json("keys", "create", "hospital-a")["key_id"]
    new = desk.json("keys", "rotate", "hospital-a", "--overlap-hours", "0")["key_id"]
    assert states(desk) == {old: "expired", new: "usable"}


def test_a_key_can_be_given_an_end(desk: Desk) -> None:
    key = desk.json("keys", "create", "hospital-a", "--expires-in-days", "3")
    lifetime = datetime.fromisoformat(key["expires_at"]) - datetime.fromisoformat(key["created_at"])
    assert lifetime == timedelta(days=3)
    assert datetime.fromisoformat(key["created_at"]).tzinfo == UTC


def test_a_revoked_key_stays_revoked(desk: Desk) -> None:
    key = desk.json("keys", "create", "hospital-a")["key_id"]
    desk.json("keys", "revoke", key)
    assert states(desk) == {key: "revoked"}


def test_the_webhook_secret_is_that_of_the_client(desk: Desk) -> None:
    shown = desk.run("webhook-secret", "hospital-a").stdout.strip()
    assert shown.startswith("whsec_")
    assert desk.json("webhook-secret", "hospital-a")["webhook_secret"] == shown
    desk.json("create", "clinic-b")
    assert desk.json("webhook-secret", "clinic-b")["webhook_secret"] != shown


def test_a_rotated_webhook_secret_takes_over_from_the_one_before(desk: Desk) -> None:
    key = desk.json("keys", "create", "hospital-a")["key_id"]
    old = desk.json("webhook-secret", "hospital-a")
    rotated = desk.run("rotate-webhook-secret", "hospital-a", "--overlap-hours", "2")
    shown = desk.json("webhook-secret", "hospital-a")
    assert shown["webhook_secret"] == rotated.stdout.strip() != old["webhook_secret"]
    assert rotated.stderr.strip() == f"What came before it signs beside it until {shown['earlier_until']}."
    left = datetime.fromisoformat(shown["earlier_until"]) - desk.clock.now()
    assert timedelta(hours=1) < left <= timedelta(hours=2)
    assert (old["earlier_until"], states(desk)) == (None, {key: "usable"})
    assert desk.json("rotate-webhook-secret", "hospital-a", "--overlap-hours", "0")["earlier_until"] is None


def test_lists_for_people_are_tables(desk: Desk) -> None:
    desk.run("keys", "create", "hospital-a")
    assert desk.run("list").stdout.splitlines()[0].split("\t")[:2] == ["client", "roles"]
    assert desk.run("keys", "list", "hospital-a").stdout.splitlines()[1].split("\t")[1] == "usable"


def test_the_group_is_part_of_the_command_line() -> None:
    result = CliRunner().invoke(build_all(), ["clients", "keys", "rotate", "--help"])
    assert result.exit_code == 0
    assert "--overlap-hours" in result.stdout


def states(desk: Desk) -> dict[str, str]:
    """The state of each key of the one client."""
    with desk.records() as uow:
        assert uow.clients.get(ClientId("hospital-a")).disabled_at is None
    return {key["key_id"]: key["state"] for key in desk.json("keys", "list", "hospital-a")}
