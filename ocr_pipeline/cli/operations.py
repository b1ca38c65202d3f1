"""Commands for operators: audit verify, reconcile, migrate."""

from __future__ import annotations

from typing import Annotated

import typer

from ocr_pipeline.bootstrap import migrate_database
from ocr_pipeline.cli.console import Printer
from ocr_pipeline.cli.documents import JsonOption
from ocr_pipeline.cli.exits import Exit
from ocr_pipeline.cli.session import document_id, session_of
from ocr_pipeline.operations.access import ManageClients


def register(app: typer.Typer) -> None:
    """Add the commands and groups."""
    app.command()(reconcile)
    app.command()(migrate)
    audit = typer.Typer(no_args_is_help=True, help="The audit trail.")
    audit.command("verify")(audit_verify)
    app.add_typer(audit, name="audit")


def audit_verify(
    context: typer.Context,
    document: Annotated[str | None, typer.Argument(metavar="[DOCUMENT]", help="Check only this document.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check that no audit event was changed, dropped or moved. Leaves with 7 when one was.

    Without a document the log of access, which tells of clients and their keys, is checked as well.
    """
    printer = Printer(as_json=as_json)
    chains = events = 0
    faults = []
    with session_of(context).open() as app:
        for check in app.verify(None if document is None else document_id(document)):
            chains += 1
            events += check.events
            if check.fault is not None:
                faults.append(check.fault)
                printer.remark(f"{check.document_id}: event {check.fault.sequence}: {check.fault.problem}")
        clients = ManageClients(app.records, app.clock)
        logs = [] if document else [(client.id, clients.history(client.id).broken_at) for client in clients.all()]
    broken_logs = [(client_id, at) for client_id, at in logs if at is not None]
    for client_id, at in broken_logs:
        printer.remark(f"client {client_id}: the log of access does not hold from entry {at} on")
    broken = len(faults) + len(broken_logs)
    verdict = "intact" if not broken else f"{broken} BROKEN"
    printer.answer(
        {
            "documents": chains,
            "events": events,
            "broken": [
                {"document_id": str(fault.document_id), "sequence": fault.sequence, "problem": fault.problem}
                for fault in faults
            ],
            "clients": len(logs),
            "broken_clients": [client_id for client_id, _ in broken_logs],
        },
        f"audit trail: {chains} documents, {events} events, {len(logs)} clients, {verdict}",
    )
    if broken:
        raise typer.Exit(Exit.NOT_INTACT)


def reconcile(
    context: typer.Context,
    lost_broker: Annotated[
        bool, typer.Option("--lost-broker", help="The broker lost its queues: send everything unfinished again.")
    ] = False,
    orphans: Annotated[
        bool, typer.Option("--orphans", help="Also remove objects of the store that belong to no document.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Find work that Postgres knows of and the queues may not, and send it again."""
    with session_of(context).open() as app:
        done = app.reconcile(lost_broker=lost_broker)
        removed = app.drop_orphans().objects if orphans else 0
    Printer(as_json=as_json).answer(
        {"documents": done.documents, "pages": done.pages, "complete": done.complete, "orphans_removed": removed},
        f"sent again: {done.documents} documents, {done.pages} pages"
        + (f"; removed {removed} objects of no document" if orphans else ""),
    )
    if not done.complete:
        raise typer.Exit(Exit.UNAVAILABLE)


def migrate(context: typer.Context, as_json: JsonOption = False) -> None:
    """Bring the database to the schema of this version."""
    migrate_database(session_of(context).settings)
    Printer(as_json=as_json).answer({"migrated": True}, "the database has the schema of this version")
