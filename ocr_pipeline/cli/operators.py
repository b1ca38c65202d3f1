"""Commands for those who let operators in: operators link."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from ocr_pipeline.cli.console import Printer
from ocr_pipeline.cli.documents import JsonOption
from ocr_pipeline.cli.session import session_of
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.operations.visits import InviteOperator


def build() -> typer.Typer:
    """The group of commands."""
    app = typer.Typer(no_args_is_help=True, help="Who may watch the status page.")
    app.callback()(_group)
    app.command()(link)
    return app


def _group() -> None:
    """Who may watch the status page."""


def link(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A client with the role of an operator.")],
    url: Annotated[
        str, typer.Option(help="Where browsers find the gateway, such as https://ocr.example.org.")
    ] = "http://127.0.0.1:8080",
    minutes: Annotated[int, typer.Option(min=1, max=1440, help="How long the link may be followed.")] = 10,
    as_json: JsonOption = False,
) -> None:
    """Make a link that lets one browser see the status page at /operations, once.

    The browser stays let in for `observability.session_hours`, or until the client's key is revoked.
    """
    with session_of(context).open() as app:
        token = InviteOperator(app.records, app.vault, app.clock)(ClientId(name), lifetime=timedelta(minutes=minutes))
    address = f"{url.rstrip('/')}/operations/enter?token={token}"
    printer = Printer(as_json=as_json)
    printer.answer({"client_id": name, "link": address, "minutes": minutes}, address)
    printer.remark(f"Good once, for {minutes} minutes. Whoever follows it sees the status page: send it with care.")
