"""Who signed a request, and everything that keeps others out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ocr_pipeline import signing
from ocr_pipeline.adapters.memory.nonces import MemoryNonces
from ocr_pipeline.domain.clients import Role
from ocr_pipeline.domain.errors import DatabaseUnavailable
from ocr_pipeline.domain.ids import KeyId
from ocr_pipeline.gateway.auth import (
    Authenticator,
    Forbidden,
    KeyExpired,
    KeyRevoked,
    NonceReplayed,
    SignatureExpired,
    SignatureMalformed,
    SignatureMissing,
    SignatureRules,
    SignatureWrong,
    SignedRequests,
    TokenInvalid,
    Unauthenticated,
)
from ocr_pipeline.operations.access import Changes
from tests.unit.gateway_auth.door import CLINIC, HOSPITAL, Door

NONCE = "0123456789abcdef"


@pytest.fixture
def door() -> Door:
    return Door()


def test_whoever_signs_with_a_key_is_its_client(door: Door) -> None:
    principal = door.enter(door.signed("POST", query="type=chart", body=b"scan"))
    assert principal.client_id == HOSPITAL
    assert principal.roles == {Role.SUBMITTER, Role.REVIEWER}
    assert principal.actor == f"key:{door.key.key.id}"
    assert principal.content_sha256 is not None


def test_keys_belong_to_one_client(door: Door) -> None:
    other = door.keys.create(CLINIC)
    assert door.enter(door.signed(key=other)).client_id == CLINIC
    assert door.enter(door.signed()).client_id == HOSPITAL
    for key_id, secret in ((door.key.key.id, other.secret), (other.key.id, door.key.secret)):
        with pytest.raises(SignatureWrong):
            door.enter(door.signed(key_id=key_id, secret=secret))


def test_a_key_that_is_given_to_another_client_works_for_neither_with_its_old_secret(door: Door) -> None:
    with door.records() as uow:
        uow.clients.save_key(replace(door.key.key, client_id=CLINIC))
        uow.commit()
    with pytest.raises(SignatureWrong):
        door.enter(door.signed())


def test_each_request_is_taken_once(door: Door) -> None:
    request = door.signed()
    door.enter(request)
    for _ in range(2):
        with pytest.raises(NonceReplayed):
            door.enter(request)
    with pytest.raises(NonceReplayed):
        door.enter(door.signed(path="/v1/documents/other", nonce=_nonce_of(door, request.headers)))


def test_a_nonce_belongs_to_its_key(door: Door) -> None:
    door.enter(door.signed(nonce=NONCE))
    door.enter(door.signed(nonce=NONCE, key=door.keys.create(HOSPITAL)))


def test_a_nonce_is_kept_for_as_long_as_its_signature_could_be_taken(door: Door) -> None:
    kept: list[datetime] = []

    class Watched(MemoryNonces):
        def claim(self, key_id: str, nonce: str, *, until: datetime) -> bool:
            kept.append(until)
            return super().claim(key_id, nonce, until=until)

    door.enter(door.signed(age=-200), Authenticator(SignedRequests(door.directory, Watched(), door.clock)))
    assert kept[0] >= door.clock.now() + timedelta(seconds=200 + 300)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"secret": bytes(32)},
        {"age": 301},
        {"age": -301},
        {"headers": [("Transfer-Encoding", "chunked")]},
    ],
)
def test_nobody_burns_a_nonce_of_a_request_that_is_not_let_in(door: Door, spoilt: dict[str, object]) -> None:
    with pytest.raises(Unauthenticated):
        door.enter(door.signed(nonce=NONCE, **spoilt))  # type: ignore[arg-type]
    assert not door.claimed(door.key.key.id, NONCE)


@pytest.mark.parametrize("age", [-300, -1, 0, 299, 300])
def test_clocks_may_differ_by_five_minutes(door: Door, age: float) -> None:
    assert door.enter(door.signed(age=age)).client_id == HOSPITAL


@pytest.mark.parametrize("age", [-301, 301, 86_400])
def test_clocks_may_not_differ_by_more(door: Door, age: float) -> None:
    with pytest.raises(SignatureExpired):
        door.enter(door.signed(age=age))


def test_how_far_clocks_may_differ_is_a_rule(door: Door) -> None:
    strict = Authenticator(
        SignedRequests(door.directory, door.nonces, door.clock, SignatureRules(timedelta(seconds=5)))
    )
    assert door.enter(door.signed(age=5), strict).client_id == HOSPITAL
    with pytest.raises(SignatureExpired):
        door.enter(door.signed(age=6), strict)


def test_a_signature_holds_for_its_request_alone(door: Door) -> None:
    request = door.signed()
    for other in (
        replace(request, method="DELETE"),
        replace(request, path="/v1/documents/1"),
        replace(request, query="limit=2"),
    ):
        with pytest.raises(SignatureWrong):
            door.enter(other)


def test_an_unknown_key_and_a_wrong_secret_cannot_be_told_apart(door: Door) -> None:
    door.keys.revoke(door.key.key.id)
    expired = door.keys.create(HOSPITAL, lifetime=timedelta(seconds=1))
    door.clock.advance(2)
    told = set()
    for key_id in ("ock_" + "a" * 20, "nobody", door.key.key.id, expired.key.id, door.keys.create(CLINIC).key.id):
        with pytest.raises(Unauthenticated) as raised:
            door.enter(door.signed(key_id=key_id, secret=bytes(range(32))))
        told.add((type(raised.value), raised.value.code, str(raised.value), raised.value.args))
    assert len(told) == 1


def test_an_unknown_key_takes_the_same_steps(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[bytes] = []

    def watched(*arguments: object) -> bool:
        checked.append(arguments[-1])  # type: ignore[arg-type]
        return True

    monkeypatch.setattr("ocr_pipeline.gateway.auth.signed.signing.verify", watched)
    with pytest.raises(SignatureWrong) as raised:
        door.enter(door.signed(key_id="ock_unknown"))
    assert raised.value.cause == "key_unknown"
    door.enter(door.signed())
    assert [len(secret) for secret in checked] == [32, 32]


def test_the_secret_for_unknown_keys_is_nothing_one_could_know(door: Door) -> None:
    for secret in (bytes(32), b"\xff" * 32, b"0" * 32):
        with pytest.raises(SignatureWrong):
            door.enter(door.signed(key_id="ock_unknown", secret=secret))


def test_a_revoked_key_is_out_within_ten_seconds(door: Door) -> None:
    door.enter(door.signed())
    door.keys.revoke(door.key.key.id)
    door.clock.advance(10)
    with pytest.raises(KeyRevoked) as raised:
        door.enter(door.signed(nonce=NONCE))
    assert raised.value.code == "key_revoked"
    assert not door.claimed(door.key.key.id, NONCE)


def test_a_key_that_has_expired_is_out_at_once(door: Door) -> None:
    key = door.keys.create(HOSPITAL, lifetime=timedelta(seconds=60))
    door.enter(door.signed(key=key))
    door.clock.advance(59)
    door.enter(door.signed(key=key))
    door.clock.advance(1)
    with pytest.raises(KeyExpired):
        door.enter(door.signed(key=key))


def test_a_disabled_client_is_out_within_ten_seconds_and_may_come_back(door: Door) -> None:
    door.enter(door.signed())
    door.clients.disable(HOSPITAL)
    door.clock.advance(10)
    with pytest.raises(Forbidden):
        door.enter(door.signed())
    door.clients.enable(HOSPITAL)
    door.clock.advance(10)
    door.enter(door.signed())


def test_roles_that_change_are_seen_within_ten_seconds(door: Door) -> None:
    door.enter(door.signed())
    door.clients.change(HOSPITAL, Changes(roles={Role.AUDITOR}))
    door.clock.advance(10)
    assert door.enter(door.signed()).roles == {Role.AUDITOR}


def test_the_database_is_not_asked_at_every_request(door: Door) -> None:
    before = door.records.opened
    for _ in range(5):
        door.enter(door.signed())
        door.clock.advance(1)
    assert door.records.opened == before + 1
    for _ in range(5):
        with pytest.raises(SignatureWrong):
            door.enter(door.signed(key_id="ock_unknown"))
    assert door.records.opened == before + 2


def test_asking_for_many_unknown_keys_displaces_no_known_one(door: Door) -> None:
    door.enter(door.signed())
    for number in range(5_000):
        assert door.directory.holder(KeyId(f"ock_{number}")) is None
    before = door.records.opened
    door.enter(door.signed())
    assert door.records.opened == before


def test_nobody_is_let_in_while_nobody_can_tell(door: Door) -> None:
    door.records.available = False
    with pytest.raises(DatabaseUnavailable):
        door.enter(door.signed())


def test_a_body_must_be_signed(door: Door) -> None:
    for announcement in (("Content-Length", "4"), ("content-length", "04"), ("Transfer-Encoding", "chunked")):
        with pytest.raises(SignatureMalformed, match="body"):
            door.enter(door.signed("POST", headers=[announcement]))
    door.enter(door.signed("POST", headers=[("Content-Length", "0")]))


def test_where_no_body_was_signed_there_must_be_none(door: Door) -> None:
    principal = door.enter(door.signed("POST"))
    assert principal.content_sha256 == signing.EMPTY_SHA256


def test_a_request_is_signed_once_and_has_no_token_beside(door: Door) -> None:
    request = door.signed()
    with pytest.raises(SignatureMalformed):
        door.enter(replace(request, headers=[*request.headers, ("Authorization", "Bearer x")]))
    with pytest.raises(SignatureMalformed):
        door.enter(replace(request, headers=[*request.headers, request.headers[-1]]))


def test_who_says_nothing_is_told_what_is_missing(door: Door) -> None:
    request = door.signed()
    with pytest.raises(SignatureMissing):
        door.enter(replace(request, headers=[]))
    with pytest.raises(TokenInvalid):
        door.enter(replace(request, headers=[("Authorization", "Bearer x")]))
    with pytest.raises(TokenInvalid):
        door.enter(replace(request, headers=[("Authorization", "Basic eDp5")]))


def test_a_target_that_no_signature_can_cover_is_refused(door: Door) -> None:
    request = door.signed()
    for path in ("*", "/é", "/\n"):
        with pytest.raises(SignatureMalformed):
            door.enter(replace(request, path=path))


def test_secrets_are_not_shown(door: Door) -> None:
    holder = door.directory.holder(door.key.key.id)
    claims = signing.parse(door.signed().headers)
    for thing in (holder, door.key, claims):
        assert repr(door.key.secret) not in repr(thing)
        assert "signature=" not in repr(thing)


def _nonce_of(door: Door, headers: list[tuple[str, str]]) -> str:
    return signing.parse(headers).nonce
