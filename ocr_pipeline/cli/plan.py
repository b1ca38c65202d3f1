"""`ocr-pipeline plan` and `replay`: how many model servers a load needs, and when to start and stop them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ocr_pipeline.capacity.day import Day, clinic_day, read_day
from ocr_pipeline.capacity.load import PROFILES, USUAL_MIX, Load, Mix, ResponseTarget
from ocr_pipeline.capacity.plan import Fleet, Machine, Plan, Planner
from ocr_pipeline.capacity.replay import DrainPolicy, Replayed, Site, ThresholdPolicy
from ocr_pipeline.capacity.replay import replay as replay_day
from ocr_pipeline.capacity.simulation import Responses, Span
from ocr_pipeline.cli.console import Printer
from ocr_pipeline.cli.documents import JsonOption
from ocr_pipeline.domain.documents import DocumentKind
from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.domain.priorities import Priority

_MOST_PAGES = 2_000_000

ServiceTime = Annotated[float, typer.Option(min=0.001, help="Mean seconds that a page takes in an instance.")]
Concurrency = Annotated[int, typer.Option(min=1, help="Pages that an instance has in hand at once.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(plan)
    app.command()(replay)


def plan(
    rate: Annotated[float, typer.Option(min=0.001, help="Pages a second that arrive.")],
    service_time: ServiceTime,
    concurrency: Concurrency = 32,
    instances: Annotated[
        int | None, typer.Option(min=1, help="Try this many instead of what the formula says.")
    ] = None,
    mix: Annotated[
        str | None, typer.Option(help="Kinds of documents and weights: prescription=70,certificate=25,chart=5.")
    ] = None,
    variation: Annotated[
        float, typer.Option(min=0, max=5, help="Spread of the service time: 0 none, 1 exponential.")
    ] = 0.5,
    price: Annotated[
        float, typer.Option(min=0, help="What an instance costs an hour, in any currency; without it no costs.")
    ] = 0.0,
    larger_speed: Annotated[float, typer.Option(min=0.1, help="How much more a larger machine does.")] = 2.0,
    larger_price: Annotated[float, typer.Option(min=0.1, help="How much more a larger machine costs.")] = 2.0,
    seconds: Annotated[float, typer.Option(min=10, max=100_000, help="How long to simulate.")] = 900.0,
    seed: Annotated[int, typer.Option(help="Another seed is another day.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Say how many model servers a load needs, and what times each kind of document would get.

    The number is ceil(rate x service time / concurrency). It only keeps up; what waiting that means is simulated, and
    so is the fewest number that keeps the response-time objectives, where there is one.

    Example: [bold]ocr-pipeline plan --rate 50 --service-time 2.0 --concurrency 8[/bold] says 13.
    """
    if rate * seconds > _MOST_PAGES:
        raise typer.BadParameter(f"that is more than {_MOST_PAGES:,} pages to simulate; choose fewer --seconds")
    printer = Printer(as_json=as_json)
    load = Load(rate, service_time, USUAL_MIX if mix is None else _mix(mix), variation)
    machine = Machine(concurrency, price, larger_speed, larger_price)
    found = Planner(load, machine, Span(seconds, seed=seed))(instances)
    if as_json:
        printer.json(_plan_json(found))
    else:
        _tell_plan(printer, found)


def replay(
    day: Annotated[
        Path | None, typer.Argument(help="CSV: minute,urgent,routine,bulk. Without one, an invented clinic's day.")
    ] = None,
    service_time: ServiceTime = 2.0,
    concurrency: Concurrency = 2,
    start_seconds: Annotated[float, typer.Option(min=0, help="How long an instance takes to start.")] = 120.0,
    as_json: JsonOption = False,
) -> None:
    """Replay a recorded day of arriving pages under both scaling policies, and compare what they give and cost.

    `thresholds` goes by GPU utilisation and queue length; `drain` by how long each class's pages will still wait.
    """
    printer = Printer(as_json=as_json)
    recorded = clinic_day() if day is None else _read(day)
    site = Site(concurrency / service_time, start_seconds)
    results = {
        "thresholds": replay_day(recorded, site, ThresholdPolicy()),
        "drain": replay_day(recorded, site, DrainPolicy(site.per_instance)),
    }
    if as_json:
        printer.json({name: _replayed_json(result) for name, result in results.items()})
        return
    columns = ("policy", "instance hours", "most", "changes", *(f"{each.label} late / longest" for each in Priority))
    printer.table("One day under each policy", columns, [_row(name, result) for name, result in results.items()])


def _mix(text: str) -> Mix:
    weights = []
    for part in text.split(","):
        name, _, weight = part.partition("=")
        try:
            weights.append((PROFILES[DocumentKind(name.strip())], float(weight)))
        except ValueError:
            kinds = ", ".join(kind.value for kind in PROFILES)
            raise typer.BadParameter(f"a mix is KIND=WEIGHT,... with the kinds {kinds}") from None
    try:
        return Mix.of(weights)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _read(path: Path) -> Day:
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            return read_day(lines)
    except (OSError, UnicodeError):
        raise ConfigurationError("the recorded day cannot be read") from None


def _tell_plan(printer: Printer, found: Plan) -> None:
    load, fleet = found.load, found.horizontal
    out = printer.out
    in_service = load.rate * load.service_time
    out.print(f"{load.rate:g} pages/s of {load.service_time:g} s each keep {in_service:g} pages in service at once.")
    out.print(
        f"[bold]{_count(fleet.instances)}[/bold] of {found.machine.concurrency} pages at once: at most "
        f"{fleet.throughput:.1f} pages/s, {fleet.busy:.1%} busy; a page waits {found.simulated.mean_wait:.2f} s."
    )
    rows = [_response_row(each) for each in found.simulated.responses]
    printer.table(
        "Simulated seconds from received to done, and the objective",
        ("document", "pages", "p50", "p95", "p99", "objective", "kept"),
        rows,
    )
    out.print(_verdict(found))
    printer.table(
        "More instances, or larger ones",
        ("way", "instances", "pages/s at most", "busy", "cost/h", "cost/1,000 pages"),
        [_fleet_row("horizontal", found.horizontal), _fleet_row("vertical", found.vertical)],
    )


def _verdict(found: Plan) -> str:
    if found.longest_service_time is not None:
        return (
            "No number of instances keeps every objective: a page alone takes too long. "
            f"Up to about {found.longest_service_time:.2g} s a page it could be done."
        )
    if found.enough is None:
        return "The objectives were not kept by four times as many instances either."
    return f"Every objective is kept from [bold]{_count(found.enough)}[/bold] on."


def _count(instances: int) -> str:
    return f"{instances} instance" if instances == 1 else f"{instances} instances"


def _response_row(each: Responses) -> tuple[str, ...]:
    target = each.profile.target
    times = (f"{each.p50:.2f}", f"{each.p95:.2f}", f"{each.p99:.2f}")
    kept = {True: "yes", False: "no", None: "-"}[each.holds]
    pages = "{}-{}".format(*each.profile.pages)
    return (each.profile.kind.value, pages, *times, _target(target), kept)


def _target(target: ResponseTarget | None) -> str:
    return "-" if target is None else f"{target.p50:g} / {target.p95:g} / {target.p99:g}"


def _fleet_row(way: str, fleet: Fleet) -> tuple[str, ...]:
    return (
        way,
        str(fleet.instances),
        f"{fleet.throughput:.1f}",
        f"{fleet.busy:.1%}",
        *_costs(fleet),
    )


def _costs(fleet: Fleet) -> tuple[str, str]:
    if not fleet.price_per_hour:
        return "-", "-"
    return f"{fleet.price_per_hour:.2f}", f"{fleet.price_per_thousand_pages:.3f}"


def _row(name: str, result: Replayed) -> tuple[str, ...]:
    waits = (f"{late:.1%} / {longest:.0f} s" for late, longest in zip(result.late, result.longest, strict=True))
    return (name, f"{result.instance_hours:.1f}", str(result.most_instances), str(result.changes), *waits)


def _plan_json(found: Plan) -> dict[str, Any]:
    return {
        "instances": found.horizontal.instances,
        "instances_for_objectives": found.enough,
        "longest_service_time": found.longest_service_time,
        "busy": found.horizontal.busy,
        "mean_wait_seconds": found.simulated.mean_wait,
        "documents": [_response_json(each) for each in found.simulated.responses],
        "horizontal": _fleet_json(found.horizontal),
        "vertical": _fleet_json(found.vertical),
    }


def _response_json(each: Responses) -> dict[str, Any]:
    target = each.profile.target
    return {
        "kind": each.profile.kind.value,
        "simulated": each.documents,
        "p50": each.p50,
        "p95": each.p95,
        "p99": each.p99,
        "objective": None if target is None else {"p50": target.p50, "p95": target.p95, "p99": target.p99},
        "kept": each.holds,
    }


def _fleet_json(fleet: Fleet) -> dict[str, float]:
    return {
        "instances": fleet.instances,
        "pages_per_second": fleet.throughput,
        "busy": fleet.busy,
        "price_per_hour": fleet.price_per_hour,
        "price_per_thousand_pages": fleet.price_per_thousand_pages,
    }


def _replayed_json(result: Replayed) -> dict[str, Any]:
    labels = [each.label for each in Priority]
    return {
        "instance_hours": result.instance_hours,
        "most_instances": result.most_instances,
        "changes": result.changes,
        "late_share": dict(zip(labels, result.late, strict=True)),
        "longest_seconds": dict(zip(labels, result.longest, strict=True)),
    }
