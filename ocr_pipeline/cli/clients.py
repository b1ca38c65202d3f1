"""Commands for those who run the front door: its clients, their keys and their webhook secrets."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from ocr_pipeline.bootstrap import Application
from ocr_pipeline.cli import webhook_secrets
from ocr_pipeline.cli.console import Printer
from ocr_pipeline.cli.documents import JsonOption
from ocr_pipeline.cli.exits import Exit
from ocr_pipeline.cli.session import session_of
from ocr_pipeline.cli.webhook_secrets import NameArgument
from ocr_pipeline.domain.access import AccessEvent
from ocr_pipeline.domain.clients import ApiKey, Client, Role
from ocr_pipeline.domain.ids import ClientId, KeyId
from ocr_pipeline.operations.access import Changes, IssuedKey, ManageClients, ManageKeys
from ocr_pipeline.signing import encode_secret

_SHOWN_ONCE = "The secret is shown this once: keep it where the client keeps its passwords."

KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="The id of a key, such as ock_....")]
RoleOption = Annotated[
    list[Role] | None, typer.Option("--role", help="What it may do; say it again for a further role.")
]
RequestsOption = Annotated[
    int | None, typer.Option("--requests-per-minute", min=1, help="Requests a minute in the long run.")
]
BurstOption = Annotated[int | None, typer.Option("--burst", min=1, help="Requests it may make at once.")]
QueuedOption = Annotated[int | None, typer.Option("--queued-pages", min=1, help="Pages of its that may wait.")]
SourceOption = Annotated[
    list[str] | None,
    typer.Option("--source", help="An s3://bucket/prefix it may name instead of sending files; repeatable."),
]
LifetimeOption = Annotated[
    int | None, typer.Option("--expires-in-days", min=1, help="End the new key after so many days.")
]


def build() -> typer.Typer:
    """The group of commands."""
    app = typer.Typer(no_args_is_help=True, help="Who may use the HTTP API, how much, and with which keys.")
    app.command("list")(list_clients)
    for command in (create, change, disable, enable, history):
        app.command()(command)
    webhook_secrets.register(app)
    keys = typer.Typer(no_args_is_help=True, help="The keys that clients sign their requests with.")
    keys.command("create")(create_key)
    keys.command("rotate")(rotate_key)
    keys.command("revoke")(revoke_key)
    keys.command("list")(list_keys)
    app.add_typer(keys, name="keys")
    return app


def create(
    context: typer.Context,
    name: NameArgument,
    role: RoleOption = None,
    requests_per_minute: RequestsOption = None,
    burst: BurstOption = None,
    queued_pages: QueuedOption = None,
    source: SourceOption = None,
    with_key: Annotated[bool, typer.Option("--key", help="Make its first key as well.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a client. Without --role it is a submitter: it hands in documents and reads its own results."""
    wanted = Changes(role or None, source or None, requests_per_minute, burst, queued_pages)
    printer = Printer(as_json=as_json)
    with session_of(context).open() as app:
        client = _clients(context, app).create(ClientId(name), wanted)
        issued = _keys(context, app).create(client.id) if with_key else None
    if issued is not None:
        _print_issued(printer, issued, _client(client))
        return
    printer.answer(_client(client), f"client {name}: {_described(client)}")
    printer.remark(f"It has no key yet: ocr-pipeline clients keys create {name}")


def list_clients(context: typer.Context, as_json: JsonOption = False) -> None:
    """List every client with its roles and allowance."""
    printer = Printer(as_json=as_json)
    with session_of(context).open() as app:
        clients = _clients(context, app).all()
    if as_json:
        printer.json([_client(client) for client in clients])
        return
    rows = [
        (
            client.id,
            ", ".join(sorted(client.roles)),
            client.allowance.requests_per_minute,
            client.allowance.burst,
            client.allowance.queued_pages,
            ", ".join(client.sources),
            "enabled" if client.disabled_at is None else "disabled",
        )
        for client in clients
    ]
    printer.table("Clients", ("client", "roles", "requests/min", "burst", "queued pages", "sources", "state"), rows)
    printer.remark(f"{len(clients)} clients")


def change(
    context: typer.Context,
    name: NameArgument,
    role: RoleOption = None,
    requests_per_minute: RequestsOption = None,
    burst: BurstOption = None,
    queued_pages: QueuedOption = None,
    source: SourceOption = None,
    no_sources: Annotated[bool, typer.Option("--no-sources", help="Take every source away.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Change a client. Roles and sources given here replace those it had; what is not given stays."""
    if no_sources and source:
        raise typer.BadParameter("--source and --no-sources contradict each other")
    sources = [] if no_sources else (source or None)
    wanted = Changes(role or None, sources, requests_per_minute, burst, queued_pages)
    with session_of(context).open() as app:
        client = _clients(context, app).change(ClientId(name), wanted)
    Printer(as_json=as_json).answer(_client(client), f"client {name}: {_described(client)}")


def disable(context: typer.Context, name: NameArgument, as_json: JsonOption = False) -> None:
    """Refuse every request of a client until it is enabled again. Work it handed in goes on."""
    with session_of(context).open() as app:
        client = _clients(context, app).disable(ClientId(name))
    Printer(as_json=as_json).answer(_client(client), f"client {name}: disabled")


def enable(context: typer.Context, name: NameArgument, as_json: JsonOption = False) -> None:
    """Take a disabled client in again, with the keys it had."""
    with session_of(context).open() as app:
        client = _clients(context, app).enable(ClientId(name))
    Printer(as_json=as_json).answer(_client(client), f"client {name}: enabled")


def history(context: typer.Context, name: NameArgument, as_json: JsonOption = False) -> None:
    """Tell what was changed about a client and its keys, when and by whom; exit code 7 where the log is not whole."""
    printer = Printer(as_json=as_json)
    with session_of(context).open() as app:
        told = _clients(context, app).history(ClientId(name))
    events = [_event(event) for event in told.events]
    if as_json:
        printer.json({"client_id": name, "events": events, "broken_at": told.broken_at})
    else:
        rows = [(event["at"], event["actor"], event["kind"], _listed(event["details"])) for event in events]
        printer.table("Changes", ("at", "actor", "change", "details"), rows)
    if told.broken_at is not None:
        printer.remark(f"the log does not hold from entry {told.broken_at} on")
        raise typer.Exit(Exit.NOT_INTACT)


def create_key(
    context: typer.Context, name: NameArgument, expires_in_days: LifetimeOption = None, as_json: JsonOption = False
) -> None:
    """Make a further key for a client and print its secret, this once. The keys before it go on working."""
    with session_of(context).open() as app:
        issued = _keys(context, app).create(ClientId(name), lifetime=_days(expires_in_days))
    _print_issued(Printer(as_json=as_json), issued)


def rotate_key(
    context: typer.Context,
    name: NameArgument,
    overlap_hours: Annotated[
        float, typer.Option("--overlap-hours", min=0, max=8760, help="Hours for which the keys before still work.")
    ] = 24,
    expires_in_days: LifetimeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a new key and print its secret, this once; every key before it ends after the overlap."""
    with session_of(context).open() as app:
        issued = _keys(context, app).rotate(
            ClientId(name), overlap=timedelta(hours=overlap_hours), lifetime=_days(expires_in_days)
        )
    printer = Printer(as_json=as_json)
    _print_issued(printer, issued)
    printer.remark(f"The keys before it end within {overlap_hours:g} hours.")


def revoke_key(context: typer.Context, key: KeyArgument, as_json: JsonOption = False) -> None:
    """End a key for good, at once; running servers know of it within seconds."""
    with session_of(context).open() as app:
        revoked = _keys(context, app).revoke(KeyId(key))
        now = app.clock.now()
    Printer(as_json=as_json).answer(_key(revoked, now), f"key {key}: revoked")


def list_keys(context: typer.Context, name: NameArgument, as_json: JsonOption = False) -> None:
    """List the keys of a client, oldest first, without their secrets."""
    printer = Printer(as_json=as_json)
    with session_of(context).open() as app:
        keys = [_key(key, app.clock.now()) for key in _keys(context, app).of(ClientId(name))]
    if as_json:
        printer.json(keys)
        return
    columns = ("key_id", "state", "created_at", "expires_at")
    rows = [tuple("" if key[column] is None else key[column] for column in columns) for key in keys]
    printer.table("Keys", ("key", "state", "created", "expires"), rows)
    printer.remark(f"{len(keys)} keys")


def _clients(context: typer.Context, app: Application) -> ManageClients:
    return ManageClients(app.records, app.clock, session_of(context).actor)


def _keys(context: typer.Context, app: Application) -> ManageKeys:
    return ManageKeys(app.records, app.vault, app.clock, actor=session_of(context).actor)


def _days(days: int | None) -> timedelta | None:
    return None if days is None else timedelta(days=days)


def _print_issued(printer: Printer, issued: IssuedKey, beside: dict[str, Any] | None = None) -> None:
    secret = encode_secret(issued.secret)
    key = _key(issued.key, issued.key.created_at)
    printer.answer(
        {**(beside or {}), **key, "secret": secret},
        f"client {issued.key.client_id}\nkey    {issued.key.id}\nsecret {secret}",
    )
    printer.remark(_SHOWN_ONCE)


def _described(client: Client) -> str:
    allowance = client.allowance
    return (
        f"{', '.join(sorted(client.roles))}; {allowance.requests_per_minute} requests a minute, "
        f"{allowance.burst} at once, {allowance.queued_pages} pages waiting; {len(client.sources)} sources"
    )


def _client(client: Client) -> dict[str, Any]:
    return {
        "client_id": client.id,
        "roles": sorted(client.roles),
        "requests_per_minute": client.allowance.requests_per_minute,
        "burst": client.allowance.burst,
        "queued_pages": client.allowance.queued_pages,
        "sources": list(client.sources),
        "client_created_at": client.created_at.isoformat(),
        "disabled_at": _moment(client.disabled_at),
    }


def _key(key: ApiKey, now: datetime) -> dict[str, Any]:
    ended = "revoked" if key.revoked_at is not None else "expired"
    return {
        "key_id": key.id,
        "client_id": key.client_id,
        "state": "usable" if key.usable(now) else ended,
        "created_at": key.created_at.isoformat(),
        "expires_at": _moment(key.expires_at),
        "revoked_at": _moment(key.revoked_at),
    }


def _event(event: AccessEvent) -> dict[str, Any]:
    entry = event.entry
    return {
        "sequence": event.sequence,
        "at": entry.at.isoformat(),
        "actor": entry.actor,
        "kind": entry.kind.value,
        "details": dict(entry.details),
    }


def _listed(details: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in details.items() if value is not None)


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
