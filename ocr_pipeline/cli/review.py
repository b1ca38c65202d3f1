"""Commands of the review desk: list, show, claim, release, accept, correct, unreadable."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ocr_pipeline.cli.console import Printer
from ocr_pipeline.cli.documents import JsonOption
from ocr_pipeline.cli.session import review_id, session_of
from ocr_pipeline.domain.errors import ConfigurationError, InputMissing
from ocr_pipeline.domain.review import ReviewItem

ItemArgument = Annotated[str, typer.Argument(metavar="ITEM", help="The id of a review item.")]


def build() -> typer.Typer:
    """The group of commands."""
    app = typer.Typer(no_args_is_help=True, help="Pages that machines must not accept: see, claim and decide.")
    app.command("list")(list_items)
    for command in (show, claim, release, accept, correct, unreadable):
        app.command()(command)
    return app


def list_items(
    context: typer.Context,
    unclaimed: Annotated[bool, typer.Option("--unclaimed", help="Only items nobody works on.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="List at most this many.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List pages that wait for a person, most urgent first."""
    printer = Printer(as_json=as_json)
    with session_of(context).open() as app:
        items = app.desk.waiting(limit=limit, unclaimed=unclaimed)
    if as_json:
        printer.json([_item(item) for item in items])
        return
    rows = [
        (
            item.id,
            item.page,
            item.priority.label,
            "" if item.confidence is None else f"{item.confidence:.2f}",
            ", ".join(item.reasons),
            "" if item.lease is None else item.lease.holder,
        )
        for item in items
    ]
    printer.table("Review", ("item", "page", "priority", "confidence", "reasons", "claimed by"), rows)
    printer.remark(f"{len(items)} pages wait for review")


def show(
    context: typer.Context,
    item: ItemArgument,
    image: Annotated[Path | None, typer.Option(help="Write the page image to this file.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what the machine read, doubtful words marked, and give out the page image."""
    session, printer = session_of(context), Printer(as_json=as_json)
    with session.open() as app:
        sheet = app.desk.show(review_id(item), session.actor, with_image=image is not None)
    if image is not None and sheet.image is not None:
        try:
            image.write_bytes(sheet.image)
        except OSError as error:
            raise ConfigurationError(f"the image cannot be written: {error.strerror}") from error
    if as_json:
        printer.json(_item(sheet.item) | {"read": None if sheet.read is None else sheet.read.to_json()})
        return
    printer.remark(f"page {sheet.item.page}: {', '.join(sheet.item.reasons)}")
    for line in sheet.read.lines if sheet.read is not None else ():
        words = (
            f"[{word.text}?]" if word.doubts or word.confidence < app.threshold else word.text for word in line.words
        )
        typer.echo(" ".join(words))


def claim(context: typer.Context, item: ItemArgument, as_json: JsonOption = False) -> None:
    """Claim an item, so that nobody else decides on it meanwhile; claiming again prolongs."""
    session = session_of(context)
    with session.open() as app:
        claimed = app.desk.claim(review_id(item), session.actor)
    until = "" if claimed.lease is None else claimed.lease.expires_at.isoformat(timespec="seconds")
    Printer(as_json=as_json).answer(_item(claimed), f"claimed until {until}")


def release(context: typer.Context, item: ItemArgument, as_json: JsonOption = False) -> None:
    """Give a claimed item back."""
    session = session_of(context)
    with session.open() as app:
        released = app.desk.release(review_id(item), session.actor)
    Printer(as_json=as_json).answer(_item(released), "released")


def accept(context: typer.Context, item: ItemArgument, as_json: JsonOption = False) -> None:
    """Confirm that the machine's text is right as it stands."""
    session = session_of(context)
    with session.open() as app:
        done = app.desk.confirm(review_id(item), session.actor)
    Printer(as_json=as_json).answer(_item(done), "confirmed")


def correct(
    context: typer.Context,
    item: ItemArgument,
    file: Annotated[str, typer.Option("--file", "-f", help="The right text, UTF-8; - reads standard input.")],
    as_json: JsonOption = False,
) -> None:
    """Give the right text of a page. The machine's error rate against it is kept."""
    session = session_of(context)
    text = _text(file)
    with session.open() as app:
        done = app.desk.correct(review_id(item), session.actor, text)
    rate = "" if done.cer is None else f"; the machine's character error rate was {done.cer:.1%}"
    Printer(as_json=as_json).answer(_item(done), f"corrected{rate}")


def unreadable(context: typer.Context, item: ItemArgument, as_json: JsonOption = False) -> None:
    """Say that nobody can read this page."""
    session = session_of(context)
    with session.open() as app:
        done = app.desk.unreadable(review_id(item), session.actor)
    Printer(as_json=as_json).answer(_item(done), "marked unreadable")


def _text(file: str) -> str:
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputMissing("the text cannot be read as a UTF-8 file") from error


def _item(item: ReviewItem) -> dict[str, Any]:
    return {
        "item_id": str(item.id),
        "document_id": str(item.page.document_id),
        "page": item.page.number,
        "priority": item.priority.label,
        "reasons": list(item.reasons),
        "confidence": item.confidence,
        "opened_at": item.opened_at.isoformat(),
        "claimed_by": None if item.lease is None else item.lease.holder,
        "resolution": None if item.resolution is None else item.resolution.value,
        "cer": item.cer,
    }
