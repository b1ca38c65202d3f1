"""What is asked every few seconds goes by what is open or recent, never through what has piled up.

The tables hold 40 days of a thousand documents each; few of them are open. Every statement of the code asked about is
explained as it passes, with what its scans really touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Connection, Engine, event

from ocr_pipeline.adapters.postgres.engine import create_pool
from ocr_pipeline.adapters.postgres.figures import PostgresFigures
from ocr_pipeline.adapters.postgres.records import PostgresRecords, PostgresUnitOfWork
from ocr_pipeline.domain.bulk import ItemState, RunId, RunState
from ocr_pipeline.domain.documents import DocumentKind, DocumentState
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.domain.pages import PageState
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.ports.records import COUNTED, DocumentFilter
from tests.postgres_databases import TestServer

DAYS, A_DAY = 40, 1000
RUN = RunId(UUID("01890a5d-ac96-774b-bcce-b302099a8057"))
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMIT = 10

BIG = frozenset(
    {"documents", "pages", "audit_events", "review_items", "bulk_items", "bulk_segments", "source_objects", "webhooks",
     "idempotency_keys", "held_events"}
)  # fmt: skip

MADE = """
    CREATE TEMPORARY TABLE made AS
    SELECT n, at, state, n % 3 AS priority, %(many)s - n + 1 AS number, sha256(n::text::bytea) AS digest,
        (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000800' || lpad(to_hex(n), 13, '0'))::uuid
            AS id
    FROM (
        SELECT n, %(now)s - n * %(apart)s AS at,
            CASE WHEN n <= 50 THEN 'received' WHEN n <= 150 THEN 'queued' WHEN n <= 250 THEN 'processing'
                WHEN n % 10 = 0 THEN 'needs_review' WHEN n % 50 = 1 THEN 'rejected' ELSE 'completed' END AS state
        FROM generate_series(1, %(many)s) n
    ) numbered ORDER BY n DESC
""".replace(" % ", " %% ")

FILL = """
    SET session_replication_role = replica;
    INSERT INTO documents (id, client_id, priority, state, received_at, updated_at, size, fingerprint, media_type,
            page_count, intake_attempts, dispatched_at, kind, fresh, audit_sequence, audit_head)
        SELECT id, 'clinic-' || n % 2, priority, state, at, at, 9, digest, 'application/pdf', 1, 1, at, 'other', false,
            1, digest FROM made;
    INSERT INTO pages (document_id, number, state, updated_at, media_type, width, height, attempt, dispatch, suspicions,
            quarantined, dispatched_at, reasons, engine, seconds, known)
        SELECT id, 1, CASE WHEN state IN ('queued', 'processing') THEN 'queued' WHEN state = 'needs_review'
            THEN 'in_review' ELSE 'accepted' END, at, 'image/png', 9, 9, 1, 1, 0, false, at, '{}', 'cpu', 1.0, false
        FROM made WHERE state NOT IN ('received', 'rejected');
    INSERT INTO audit_events (document_id, sequence, kind, at, actor, details, previous, hash)
        SELECT id, 1, 'x', at, 'x', '{}', digest, digest FROM made;
    INSERT INTO review_items (id, document_id, page_number, priority, reasons, opened_at, resolution, resolved_at)
        SELECT id, id, 1, priority, '{}', at, CASE WHEN n % 10 > 0 THEN 'corrected' END, at
        FROM made WHERE state = 'needs_review' OR n % 7 = 0;
    INSERT INTO bulk_runs (id, client_id, state, created_at, updated_at, key_id, key_ciphertext, about, unbounded)
        VALUES ('01890a5d-ac96-774b-bcce-b302099a8057', 'clinic-1', 'running', now(), now(), '1', '', '', true);
    INSERT INTO bulk_items (run_id, number, state, fingerprint, line, kind, attempts, handed_out_at, settled_at, pages)
        SELECT run.id, number, CASE WHEN n <= 100 THEN 'waiting' WHEN n <= 200 THEN 'handed_out' ELSE 'done' END,
            digest, n, 'other', 1, at, CASE WHEN n > 200 THEN at END, 1 FROM made, bulk_runs run;
    INSERT INTO bulk_segments (run_id, number, index, first_page, document_id, known)
        SELECT run.id, number, 1, 1, made.id, false FROM made, bulk_runs run WHERE n > 100;
    INSERT INTO source_objects (client_id, address, etag, modified_at, taken_at, document_id, output_due, awaits_end,
            output_attempts)
        SELECT 'clinic-1', digest, digest, at, at, id, CASE WHEN state <> 'completed' THEN at END,
            state <> 'completed', 0 FROM made;
    INSERT INTO webhooks (id, document_id, client_id, event, created_at, not_before, attempts, delivered_at)
        SELECT id, id, 'clinic-1', 'document.completed', at, at, 1, CASE WHEN n > 20 THEN at END FROM made;
    INSERT INTO idempotency_keys (client_id, key, digest, document_id, at)
        SELECT 'clinic-1', n, digest, id, at FROM made;
    INSERT INTO held_events (id, source, received_at, not_before, size, key_id, key_ciphertext, attempts, reason)
        SELECT id, 'minio', at, at, 9, '1', '', 5, 'no_json' FROM made WHERE n <= 5000;
"""

Ask = Callable[[PostgresUnitOfWork], object]

ASKED: dict[str, tuple[int, Ask]] = {
    "pages that are due": (500, lambda uow: uow.pages.due(now=NOW, dispatched_before=NOW, limit=LIMIT)),
    "stalled documents": (100, lambda uow: uow.documents.stalled(dispatched_before=NOW, limit=LIMIT)),
    "waiting pages of a client": (600, lambda uow: uow.documents.waiting_pages(ClientId("clinic-1"))),
    "waiting pages of a class": (600, lambda uow: uow.bulk_figures.waiting_pages(Priority.BULK)),
    "due webhooks": (100, lambda uow: uow.webhooks.claim(now=NOW, until=NOW, limit=LIMIT)),
    "ended webhooks": (A_DAY, lambda uow: uow.webhooks.forget_before(NOW - timedelta(days=DAYS - 1))),
    "due outputs": (50, lambda uow: uow.source_objects.claim_outputs(now=NOW, until=NOW, limit=LIMIT)),
    "held events": (50, lambda uow: uow.held_events.claim(now=NOW, until=NOW, limit=LIMIT)),
    "open reviews": (50, lambda uow: uow.reviews.open_items(limit=LIMIT, claimable_at=NOW)),
    "items to hand out": (50, lambda uow: uow.bulk_items.claim(RUN, now=NOW, limit=LIMIT)),
    "items that ended": (800, lambda uow: uow.bulk_items.settled(RUN, limit=LIMIT)),
    "whether an item waits": (10, lambda uow: uow.bulk_items.of_run(RUN, states=(ItemState.WAITING,), limit=1)),
    "runs at work": (10, lambda uow: uow.bulk_runs.find(states=(RunState.RUNNING, RunState.PAUSED), limit=1000)),
    "old requests": (A_DAY, lambda uow: uow.idempotency.forget(NOW - timedelta(days=DAYS - 1))),
    "documents that are listed": (LIMIT, lambda uow: uow.documents.find(limit=LIMIT)),
    "documents of a state that are listed": (
        20 * LIMIT,
        lambda uow: uow.documents.find(states=(DocumentState.NEEDS_REVIEW,), limit=LIMIT),
    ),
    "documents of a state that none has": (
        LIMIT,
        lambda uow: uow.documents.find(states=(DocumentState.FAILED,), limit=LIMIT),
    ),
    "a client's newest": (
        2 * LIMIT,
        lambda uow: uow.documents.newest(DocumentFilter(client_id=ClientId("clinic-1")), limit=LIMIT),
    ),
}

FILTERS = {
    "of a kind that never came": DocumentFilter(client_id=ClientId("clinic-1"), kinds=(DocumentKind.CHART,)),
    "of a state that none has": DocumentFilter(client_id=ClientId("clinic-1"), states=(DocumentState.FAILED,)),
    "of a kind and a class": DocumentFilter(
        client_id=ClientId("clinic-1"), kinds=(DocumentKind.CHART,), priorities=(Priority.URGENT,)
    ),
    "of long ago": DocumentFilter(
        client_id=ClientId("clinic-1"), received_from=NOW - timedelta(days=60), received_before=NOW - timedelta(days=50)
    ),
}


@pytest.fixture(scope="module")
def pool(postgres_server: TestServer, migrated_template: str) -> Iterator[Engine]:
    url = postgres_server.create(migrated_template)
    with postgres_server.connect(url.database) as connection:
        apart = timedelta(days=1) / A_DAY
        psycopg.ClientCursor(connection).execute(MADE, {"many": DAYS * A_DAY, "now": NOW, "apart": apart})
        connection.execute(FILL)
        connection.execute("VACUUM ANALYZE")
    engine = create_pool(url)
    yield engine
    engine.dispose()
    postgres_server.drop(url)


@contextmanager
def explained(pool: Engine) -> Iterator[list[dict[str, Any]]]:
    """The plans of what is asked meanwhile, each run once more to see what its scans touch."""
    plans: list[dict[str, Any]] = []

    def explain(connection: Connection, _cursor: object, statement: str, values: Any, *_: object) -> None:
        if not re.match(r"\s*(SELECT|UPDATE|DELETE|WITH)", statement):
            return
        driver: Any = connection.connection.driver_connection
        with driver.transaction(force_rollback=True), driver.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values)
            plans.append(cursor.fetchone()[0][0]["Plan"])

    event.listen(pool, "before_cursor_execute", explain)
    try:
        yield plans
    finally:
        event.remove(pool, "before_cursor_execute", explain)


def scans(plan: dict[str, Any]) -> Iterator[tuple[str, str, int]]:
    """What reads a table: how, which one, and how many rows it went through."""
    relation = plan.get("Relation Name")
    if relation in BIG and "Scan" in plan["Node Type"]:
        removed = plan.get("Rows Removed by Filter", 0) + plan.get("Rows Removed by Index Recheck", 0)
        yield plan["Node Type"], relation, round((plan["Actual Rows"] + removed) * plan["Actual Loops"])
    for below in plan.get("Plans", ()):
        yield from scans(below)


def touched(plans: list[dict[str, Any]]) -> int:
    """The rows that all scans went through; none may go through a whole table."""
    assert plans, "nothing was asked"
    found = [scan for plan in plans for scan in scans(plan)]
    assert not [scan for scan in found if scan[0] == "Seq Scan"], found
    return sum(rows for _, _, rows in found)


@pytest.mark.parametrize("what", ASKED)
def test_what_is_asked_all_the_time_goes_by_what_is_open(pool: Engine, what: str) -> None:
    most, ask = ASKED[what]
    with explained(pool) as plans, PostgresRecords(pool)() as uow:
        ask(uow)
    assert touched(plans) <= most


def test_figures_go_by_what_is_open_and_by_the_day(pool: Engine) -> None:
    with explained(pool) as plans:
        PostgresFigures(pool)(now=NOW, day_began=NOW.replace(hour=0))
    reviews = DAYS * A_DAY // 10
    assert touched(plans) <= 3 * reviews + 10 * A_DAY


def test_items_of_a_run_are_counted_in_their_index(pool: Engine) -> None:
    with explained(pool) as plans, PostgresRecords(pool)() as uow:
        assert sum(tally.items for tally in uow.bulk_figures.tallies(RUN)) == DAYS * A_DAY
    assert {scan[0] for plan in plans for scan in scans(plan)} == {"Index Only Scan"}


def test_everything_is_counted_up_to_a_bound_and_estimated_above_it(pool: Engine) -> None:
    with explained(pool) as plans, PostgresRecords(pool)() as uow:
        counts = uow.counts()
    few = {DocumentState.RECEIVED: 50, DocumentState.QUEUED: 100, DocumentState.PROCESSING: 100}
    others = DAYS * A_DAY // 10
    assert touched(plans) <= 2 * (COUNTED + 1) + 4 * others
    assert {scan[0] for plan in plans for scan in scans(plan)} <= {"Index Only Scan", "Index Scan"}
    assert {state: counts.documents[state] for state in few} == few
    assert counts.documents[DocumentState.ERASED] == 0
    really = DAYS * A_DAY * 88 // 100
    assert counts.documents[DocumentState.COMPLETED] == pytest.approx(really, rel=0.05)
    assert counts.pages[PageState.ACCEPTED] == pytest.approx(really, rel=0.05)
    assert counts.documents[DocumentState.NEEDS_REVIEW] == others - 25
    assert counts.open_reviews == others - 22


def test_counting_leaves_the_planner_as_it_was(pool: Engine) -> None:
    with PostgresRecords(pool)() as uow:
        uow.counts()
        assert uow._current.first_of("SHOW enable_seqscan", {}) == {"enable_seqscan": "on"}


@pytest.mark.parametrize("wanted", FILTERS)
def test_a_list_passes_over_what_it_leaves_out_in_its_index(pool: Engine, wanted: str) -> None:
    with explained(pool) as plans, PostgresRecords(pool)() as uow:
        assert uow.documents.newest(FILTERS[wanted], limit=LIMIT) == []
    assert touched(plans) == 0
