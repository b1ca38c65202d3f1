"""Commands for the secrets that clients check the signatures of webhooks with."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from ocr_pipeline.bootstrap import Application
from ocr_pipeline.cli.console import Printer
from ocr_pipeline.cli.documents import JsonOption
from ocr_pipeline.cli.session import session_of
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.operations.webhook_secrets import ManageWebhookSecrets, SigningSecret

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The id of a client, such as hospital-a.")]
OverlapOption = Annotated[
    float, typer.Option("--overlap-hours", min=0, max=8760, help="Hours for which the secrets before still sign too.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to those of clients."""
    app.command("webhook-secret")(show)
    app.command("rotate-webhook-secret")(rotate)


def show(context: typer.Context, name: NameArgument, as_json: JsonOption = False) -> None:
    """Print what a client checks the signatures of webhooks with. It is the same until it is rotated."""
    with session_of(context).open() as app:
        secret = _secrets(context, app).current(ClientId(name))
    _print(Printer(as_json=as_json), name, secret)


def rotate(
    context: typer.Context, name: NameArgument, overlap_hours: OverlapOption = 24, as_json: JsonOption = False
) -> None:
    """Make a new webhook secret and print it; messages bear the signatures of both until the overlap is over.

    The client's keys stay as they are. With --overlap-hours 0 the secrets before sign nothing from now on.
    """
    with session_of(context).open() as app:
        secret = _secrets(context, app).rotate(ClientId(name), overlap=timedelta(hours=overlap_hours))
    _print(Printer(as_json=as_json), name, secret)


def _secrets(context: typer.Context, app: Application) -> ManageWebhookSecrets:
    return ManageWebhookSecrets(app.records, app.vault, app.clock, actor=session_of(context).actor)


def _print(printer: Printer, name: str, secret: SigningSecret) -> None:
    until = None if secret.earlier_until is None else secret.earlier_until.isoformat()
    printer.answer({"client_id": name, "webhook_secret": secret.text, "earlier_until": until}, secret.text)
    if until is not None:
        printer.remark(f"What came before it signs beside it until {until}.")
