"""Hypothesis strategies for the domain's values."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from hypothesis import strategies as st

from ocr_pipeline.domain.audit import AuditEntry, AuditKind
from ocr_pipeline.domain.clients import Allowance, ApiKey, Client, Role
from ocr_pipeline.domain.ids import ClientId, DocumentId, KeyId, PageRef, WebhookId
from ocr_pipeline.domain.messages import IntakeTask, PageFailed, PageRead, PageRedelivered, RecognitionTask
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.domain.retries import Failure
from ocr_pipeline.domain.sealing import WrappedKey
from ocr_pipeline.domain.text import Block, Box, Line, PageText, Word
from ocr_pipeline.domain.webhooks import Delivery, Webhook, WebhookEvent

document_ids = st.uuids().map(DocumentId)
refs = st.builds(PageRef, document_ids, st.integers(1, 5000))
priorities = st.sampled_from(Priority)
codes = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=30)
probabilities = st.floats(0, 1)
counters = st.integers(0, 1000)
attempts = st.integers(1, 1000)
keys = st.builds(WrappedKey, codes, st.binary(min_size=1, max_size=80))
sizes = st.integers(1, 20_000)
times = st.datetimes(
    datetime(2000, 1, 1),
    datetime(2100, 1, 1),
    timezones=st.just(UTC),
)

failures = st.builds(Failure, codes, st.booleans(), st.booleans())
intake_tasks = st.builds(IntakeTask, document_ids, priorities)
recognition_tasks = st.builds(
    RecognitionTask,
    refs,
    attempts,
    counters,
    priorities,
    keys,
    st.sampled_from(["image/png", "image/jpeg"]),
    sizes,
    sizes,
    st.none() | st.floats(50, 1200),
)
reports = st.one_of(
    st.builds(
        PageRead,
        refs,
        attempts,
        counters,
        st.binary(min_size=1, max_size=200),
        probabilities,
        st.booleans(),
        st.lists(codes, max_size=4).map(tuple),
        codes,
        st.floats(0, 1000),
        st.none() | codes,
    ),
    st.builds(PageFailed, refs, attempts, counters, failures),
    st.builds(PageRedelivered, refs, attempts, counters),
)

texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=12).filter(
    lambda text: text.split() == [text]
)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    left, top = draw(st.integers(0, 3000)), draw(st.integers(0, 3000))
    return Box(left, top, left + draw(st.integers(0, 500)), top + draw(st.integers(0, 100)))


words = st.builds(
    Word,
    texts,
    probabilities.map(lambda value: round(value, 4)),
    st.none() | boxes(),
    st.lists(codes, max_size=2).map(tuple),
)
lines = st.lists(words, max_size=5).map(lambda found: Line(tuple(found)))
blocks = st.builds(Block, st.lists(lines, max_size=4).map(tuple), st.sampled_from(["text", "table"]))
page_texts = st.builds(
    PageText,
    st.lists(blocks, max_size=3).map(tuple),
    codes,
    sizes,
    sizes,
    st.sampled_from([0, 90, 180, 270]),
    st.floats(-5, 5),
    st.none() | probabilities,
    st.lists(codes, max_size=2).map(tuple),
)

details = st.dictionaries(
    codes, st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=20) | st.lists(codes, max_size=3)
).map(lambda found: tuple(sorted(found.items())))


def entries_of(document: UUID) -> st.SearchStrategy[AuditEntry]:
    """Audit entries of one document."""
    return st.builds(
        AuditEntry,
        st.just(DocumentId(document)),
        st.sampled_from(AuditKind),
        times,
        codes,
        st.none() | st.integers(1, 50),
        details,
    )


names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
client_ids = names.map(ClientId)
webhook_ids = st.uuids().map(WebhookId)
roles = st.frozensets(st.sampled_from(Role))
allowances = st.builds(Allowance, st.integers(1, 10_000), st.integers(1, 1000), st.integers(0, 1_000_000))
clients = st.builds(
    Client, client_ids, roles, times, allowances, st.lists(names, max_size=3).map(tuple), st.none() | times
)


def keys_of(client_id: ClientId) -> st.SearchStrategy[ApiKey]:
    """Keys of one client."""
    return st.builds(
        ApiKey, names.map(KeyId), st.just(client_id), times, expires_at=st.none() | times, revoked_at=st.none() | times
    )


def webhooks_of(document_id: DocumentId) -> st.SearchStrategy[Webhook]:
    """Webhooks of one document."""
    return st.builds(
        Webhook,
        webhook_ids,
        st.just(document_id),
        client_ids,
        st.sampled_from(WebhookEvent),
        times,
        times,
        counters,
        st.none() | times,
        st.none() | times,
    )


def deliveries_of(webhook_id: WebhookId) -> st.SearchStrategy[Delivery]:
    """Tries to deliver one webhook."""
    return st.builds(
        Delivery,
        st.just(webhook_id),
        attempts,
        times,
        st.floats(0, 1000),
        st.none() | st.integers(100, 599),
        st.none() | codes,
    )
