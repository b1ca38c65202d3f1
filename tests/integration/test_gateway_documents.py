"""Documents through the front door: handed in, followed, read, cancelled, erased."""

from __future__ import annotations

import json
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from tests.gateway_fixtures import SAID, Gateway, OpenGateway, new_page

PNG = {"Content-Type": "image/png"}


def hand_in(client: httpx.Client, content: bytes | None = None, **headers: str) -> httpx.Response:
    return client.post("/v1/documents", content=content or new_page(), headers={**PNG, **headers})


def test_a_document_is_handed_in_waited_for_and_read(gateway: Gateway) -> None:
    with gateway.client() as client:
        answer = client.post(
            "/v1/documents?type=prescription&priority=urgent", content=new_page(), headers={**PNG, "Prefer": "wait=30"}
        )

        assert answer.status_code == 200, answer.text
        document = answer.json()
        assert document["state"] == "completed"
        assert document["settled"] is True
        assert document["type"] == "prescription"
        assert document["priority"] == "urgent"
        assert document["pages"] == {"accepted": 1}
        assert answer.headers["Preference-Applied"] == "wait=30"
        place = answer.headers["Location"]
        assert client.get(f"{place}/text").text.strip() == SAID
        assert SAID in client.get(f"{place}/markdown").text
        assert client.get(f"{place}/json").json()["pages"][0]["text"] == SAID
        assert client.get(f"{place}/pages").json()["pages"][0]["state"] == "accepted"
        assert client.get(f"{place}/pages/1").json()["text"] == SAID
        assert client.get(f"{place}/pages/2").status_code == 404


def test_without_waiting_the_answer_says_where_to_look(open_gateway: OpenGateway) -> None:
    gateway = open_gateway()
    with gateway.client() as client:
        answer = hand_in(client)

        assert answer.status_code == 202
        place = answer.headers["Location"]
        assert client.get(place).json()["settled"] is False
        unread = client.get(f"{place}/text")
        assert (unread.status_code, unread.json()["code"]) == (409, "not_ready")
        assert int(unread.headers["Retry-After"]) > 0
        assert hand_in(client, Prefer="wait=0").status_code == 202


def test_a_form_says_the_same_as_a_raw_body(gateway: Gateway) -> None:
    with gateway.client() as client:
        answer = client.post(
            "/v1/documents",
            data={"type": "certificate", "priority": "bulk", "client_reference": "환자 7"},
            files={"file": ("scan.png", new_page(), "image/png")},
            headers={"Prefer": "wait=30"},
        )

        assert answer.status_code == 200, answer.text
        assert answer.json()["type"] == "certificate"
        assert client.get(answer.headers["Location"] + "/json").json()["name"] == "scan.png"


def test_the_same_file_again_is_the_same_document(gateway: Gateway) -> None:
    content = new_page()
    with gateway.client() as client:
        first = hand_in(client, content, Prefer="wait=30").json()
        second = hand_in(client, content)

        assert second.status_code == 200
        assert second.json()["id"] == first["id"]
        assert second.json()["duplicate"] is True


def test_an_idempotency_key_makes_one_document(gateway: Gateway) -> None:
    content, key = new_page(), str(uuid4())
    with gateway.client() as client:
        ids = {hand_in(client, content, **{"Idempotency-Key": key}).json()["id"] for _ in range(3)}
        other = hand_in(client, new_page(), **{"Idempotency-Key": key})

        assert len(ids) == 1
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


def test_progress_comes_as_events(open_gateway: OpenGateway) -> None:
    gateway = open_gateway()
    with gateway.client() as client:
        place = hand_in(client).headers["Location"]
        told: list[tuple[str, str]] = []
        name = ""
        with client.stream("GET", f"{place}/events") as stream:
            assert stream.headers["Content-Type"].startswith("text/event-stream")
            for line in stream.iter_lines():
                if line.startswith("event: "):
                    name = line.removeprefix("event: ")
                if line.startswith("data: "):
                    told.append((name, json.loads(line.removeprefix("data: "))["state"]))
                    gateway.engine.may_read.set()

    assert told[0][0] == "progress"
    assert told[-1] == ("settled", "completed")


def test_what_did_not_change_is_not_sent_again_nor_audited(gateway: Gateway) -> None:
    with gateway.client() as client:
        place = hand_in(client, Prefer="wait=30").headers["Location"]
        text = client.get(f"{place}/text")
        again = client.get(f"{place}/text", headers={"If-None-Match": text.headers["ETag"]})
        other = client.get(f"{place}/markdown", headers={"If-None-Match": text.headers["ETag"]})
        state = client.get(place)

        assert again.status_code == 304
        assert again.content == b""
        assert other.status_code == 200
        assert client.get(place, headers={"If-None-Match": state.headers["ETag"]}).status_code == 304
        kinds = [event["kind"] for event in client.get(f"{place}/audit").json()["events"]]
        assert kinds.count("document_read") == 2


def test_an_erased_document_is_gone_and_its_trail_is_not(gateway: Gateway) -> None:
    with gateway.client() as client:
        place = hand_in(client, Prefer="wait=30").headers["Location"]
        assert client.delete(place).status_code == 204
        assert client.delete(place).status_code == 204
        gone = client.get(f"{place}/text")
        assert (gone.status_code, gone.json()["code"]) == (410, "key_missing")
        assert client.get(place).json()["state"] == "erased"
        trail = client.get(f"{place}/audit").json()
        assert trail["intact"] is True
        assert trail["events"][-1]["kind"] == "document_erased"


def test_a_cancelled_document_is_read_no_more(open_gateway: OpenGateway) -> None:
    gateway = open_gateway()
    with gateway.client() as client:
        place = hand_in(client).headers["Location"]
        assert client.post(f"{place}/cancel").json()["state"] == "cancelled"
        assert client.post(f"{place}/cancel").status_code == 200
        gateway.engine.may_read.set()
        none = client.get(f"{place}/text")
        assert (none.status_code, none.json()["code"]) == (409, "no_result")
        done = hand_in(client, Prefer="wait=30").headers["Location"]
        refused = client.post(f"{done}/cancel")
        assert (refused.status_code, refused.json()["code"]) == (409, "conflict")


def test_a_list_is_turned_page_by_page(gateway: Gateway) -> None:
    with gateway.client() as client:
        handed_in = [hand_in(client, Prefer="wait=30").json()["id"] for _ in range(5)]
        first = client.get("/v1/documents", params={"limit": 2}).json()
        second = client.get("/v1/documents", params={"limit": 2, "cursor": first["next_cursor"]}).json()
        third = client.get("/v1/documents", params={"limit": 2, "cursor": second["next_cursor"]}).json()

        found = [each["id"] for page in (first, second, third) for each in page["documents"]]
        assert found == handed_in[::-1]
        assert third["next_cursor"] is None
        assert client.get("/v1/documents", params={"state": "failed"}).json()["documents"] == []
        assert client.get("/v1/documents", params={"cursor": "nonsense"}).status_code == 422


def test_other_clients_documents_are_not_there(gateway: Gateway) -> None:
    with gateway.client("ward-1") as one, gateway.client("ward-2") as other:
        place = hand_in(one, Prefer="wait=30").headers["Location"]
        for path in ("", "/text", "/json", "/markdown", "/pages", "/pages/1", "/audit", "/webhooks", "/events"):
            answer = other.get(place + path)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert other.delete(place).status_code == 404
        assert other.post(f"{place}/cancel").status_code == 404
        assert other.get("/v1/documents").json()["documents"] == []
        unknown = other.get(f"/v1/documents/{uuid4()}")
        assert unknown.json()["code"] == "not_found"
        assert one.get(place).json()["state"] == "completed"


def test_a_reference_travels_sealed(gateway: Gateway) -> None:
    with gateway.client() as client:
        document = hand_in(client, **{"Client-Reference": quote("홍길동 900101")}, Prefer="wait=30").json()
        assert "client_reference" not in document
        opened = client.get(f"/v1/documents/{document['id']}/json").json()

    assert opened["client_reference"] == "홍길동 900101"


@pytest.mark.parametrize("deadline", ["2020-01-01T00:00:00Z", "2999-01-01T00:00:00", "soon"])
def test_a_deadline_that_is_none_is_refused(gateway: Gateway, deadline: str) -> None:
    with gateway.client() as client:
        answer = client.post("/v1/documents", params={"deadline": deadline}, content=new_page(), headers=PNG)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"][0]["name"] == "deadline"
