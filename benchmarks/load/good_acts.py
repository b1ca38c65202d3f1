"""What honest clients do: hand in, follow, read, cancel, erase."""

from __future__ import annotations

from uuid import uuid4

import httpx

from benchmarks.load import files
from benchmarks.load.visitor import DOCUMENTS, Act, Answer, Visitor

_FOLLOW_SECONDS = 30.0


def submit(visitor: Visitor) -> httpx.Response:
    content, media_type = files.document(visitor.random)
    kind = visitor.random.choice(["prescription", "certificate", "chart", "other"])
    lane = visitor.random.choice(["urgent", "routine", "routine", "bulk"])
    headers = {"Content-Type": media_type, "Client-Reference": "chart%20" + uuid4().hex}
    return visitor.submit(content, headers, f"?type={kind}&priority={lane}")


def submit_form(visitor: Visitor) -> httpx.Response:
    content, media_type = files.document(visitor.random)
    form = {"type": "chart", "client_reference": uuid4().hex}
    answer = visitor.http.post(DOCUMENTS, data=form, files={"file": ("patient.scan", content, media_type)})
    return visitor.noted(answer, content, {"Content-Type": media_type})


def submit_with_key(visitor: Visitor) -> httpx.Response:
    content, media_type = files.document(visitor.random)
    return visitor.submit(content, {"Content-Type": media_type, "Idempotency-Key": uuid4().hex})


def wait_for_it(visitor: Visitor) -> httpx.Response:
    content, media_type = files.document(visitor.random)
    return visitor.submit(content, {"Content-Type": media_type, "Prefer": "wait=10"}, "?priority=urgent")


def again_with_the_same_key(visitor: Visitor) -> Answer | httpx.Response:
    known = next((each for each in reversed(visitor.recent) if each.key is not None), None)
    if known is None:
        return submit_with_key(visitor)
    headers = {"Content-Type": known.media_type, "Idempotency-Key": str(known.key)}
    answer = visitor.http.post(DOCUMENTS, content=known.content, headers=headers)
    same = answer.is_error or answer.json()["id"] == known.id
    return answer if same else Answer(answer.status_code, "another document for the same key")


def the_same_file(visitor: Visitor) -> httpx.Response:
    known = visitor.some()
    return visitor.submit(known.content, {"Content-Type": known.media_type})


def the_same_file_read_anew(visitor: Visitor) -> httpx.Response:
    known = visitor.some()
    return visitor.submit(known.content, {"Content-Type": known.media_type}, "?again=true")


def follow(visitor: Visitor) -> Answer:
    place = f"{DOCUMENTS}/{visitor.some().id}/events"
    with visitor.http.stream("GET", place, timeout=_FOLLOW_SECONDS) as answer:
        if answer.is_error:
            return Answer(answer.status_code)
        told = [line for line in answer.iter_lines() if line.startswith("event:")]
    settled = bool(told) and told[-1] == "event: settled"
    return Answer(answer.status_code, None if settled else "a stream without an end")


def follow_and_leave(visitor: Visitor) -> Answer:
    with visitor.http.stream("GET", f"{DOCUMENTS}/{visitor.some().id}/events") as answer:
        next(answer.iter_raw(), None)
    return Answer(answer.status_code)


def look(visitor: Visitor) -> httpx.Response:
    place = f"{DOCUMENTS}/{visitor.some().id}"
    answer = visitor.http.get(place)
    if "ETag" in answer.headers and visitor.random.choice([True, False]):
        return visitor.http.get(place, headers={"If-None-Match": answer.headers["ETag"]})
    return answer


def read(visitor: Visitor) -> httpx.Response:
    form = visitor.random.choice(["text", "markdown", "json", "pages", "pages/1"])
    return visitor.http.get(f"{DOCUMENTS}/{visitor.some().id}/{form}")


def list_them(visitor: Visitor) -> httpx.Response:
    answer = visitor.http.get(f"{DOCUMENTS}?limit=20")
    cursor = None if answer.is_error else answer.json()["next_cursor"]
    return answer if cursor is None else visitor.http.get(f"{DOCUMENTS}?limit=20&cursor={cursor}")


def audit(visitor: Visitor) -> Answer | httpx.Response:
    answer = visitor.http.get(f"{DOCUMENTS}/{visitor.some().id}/audit")
    if answer.is_success and not answer.json()["intact"]:
        return Answer(answer.status_code, "a broken chain")
    return answer


def cancel(visitor: Visitor) -> httpx.Response:
    return visitor.http.post(f"{DOCUMENTS}/{visitor.some().id}/cancel")


def cancel_at_once(visitor: Visitor) -> httpx.Response:
    answer = submit(visitor)
    return visitor.http.post(f"{DOCUMENTS}/{answer.json()['id']}/cancel") if answer.is_success else answer


def erase(visitor: Visitor) -> httpx.Response:
    return visitor.http.delete(f"{DOCUMENTS}/{visitor.some().id}")


def erase_at_once(visitor: Visitor) -> httpx.Response:
    answer = submit(visitor)
    return visitor.http.delete(f"{DOCUMENTS}/{answer.json()['id']}") if answer.is_success else answer


def health(visitor: Visitor) -> httpx.Response:
    return visitor.anybody.get(visitor.random.choice(["/health/live", "/health/ready", "/metrics"]))


_TAKEN = frozenset({200, 202})
_READ = frozenset({200, 304, 404, 409, 410})

ACTS = (
    Act("submit", "valid", 16, _TAKEN, submit),
    Act("submit a form", "valid", 4, _TAKEN, submit_form),
    Act("submit with a key", "valid", 5, _TAKEN, submit_with_key),
    Act("repeat a key", "valid", 4, _TAKEN, again_with_the_same_key),
    Act("submit and wait", "valid", 3, _TAKEN, wait_for_it),
    Act("submit what is known", "valid", 4, _TAKEN, the_same_file),
    Act("read anew", "valid", 1, _TAKEN, the_same_file_read_anew),
    Act("follow", "valid", 4, frozenset({200}), follow),
    Act("follow and leave", "valid", 2, frozenset({200}), follow_and_leave),
    Act("look", "valid", 12, frozenset({200, 304}), look),
    Act("read", "valid", 10, _READ, read),
    Act("list", "valid", 4, frozenset({200}), list_them),
    Act("audit", "valid", 3, frozenset({200}), audit),
    Act("cancel", "valid", 1, frozenset({200, 409}), cancel),
    Act("cancel at once", "valid", 1, frozenset({200, 409}), cancel_at_once),
    Act("erase", "valid", 1, frozenset({204}), erase),
    Act("erase at once", "valid", 1, frozenset({204}), erase_at_once),
    Act("health", "valid", 2, frozenset({200}), health),
)
