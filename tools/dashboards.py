"""Writes Grafana's dashboards, so that they are read and changed as code.

python tools/dashboards.py           write deploy/grafana/dashboards/*.json
python tools/dashboards.py --check   leave with 1 where those differ from what would be written
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent.parent / "deploy" / "grafana" / "dashboards"
WIDTH = 24
_SOURCE = {"type": "prometheus", "uid": "prometheus"}


@dataclass(frozen=True, slots=True)
class Query:
    """One line of a panel: an expression and how its lines are named."""

    expression: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `kind` and `unit` are Grafana's; `alarm` colours what is above it."""

    title: str
    queries: Sequence[Query]
    kind: str = "timeseries"
    unit: str = "short"
    width: int = 8
    height: int = 8
    told: str = ""
    alarm: float | None = None
    stacked: bool = False


@dataclass(frozen=True, slots=True)
class Dashboard:
    """One dashboard; panels flow from left to right."""

    uid: str
    title: str
    told: str
    panels: Sequence[Panel] = field(default=())


def quantile(share: float, name: str, by: str, where: str = "") -> str:
    """A quantile of a histogram over five minutes."""
    kept = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({kept}) (rate({name}_bucket{{{where}}}[5m])))"


def stat(title: str, expression: str, *, unit: str = "short", alarm: float | None = None, told: str = "") -> Panel:
    """One number."""
    return Panel(title, [Query(expression)], "stat", unit, width=4, height=4, alarm=alarm, told=told)


def lines(title: str, *queries: tuple[str, str], **options: Any) -> Panel:  # noqa: ANN401 - passed on
    """Lines over time."""
    return Panel(title, [Query(*query) for query in queries], **options)


OVERVIEW = Dashboard(
    "ocr-overview",
    "OCR pipeline: overview",
    "What waits, what is done, and what needs a person.",
    (
        stat("Pages to read", 'sum(ocr_pages{state="queued"})'),
        stat("Oldest urgent work", 'max(ocr_lane_oldest_seconds{lane=~".*urgent"})', unit="s", alarm=60),
        stat("Pages a second", 'ocr_pages_settled{minutes="5"} / 300', told="Settled within the last five minutes."),
        stat("Reviews waiting", "sum(ocr_review_backlog)"),
        stat("Dead letters", 'sum(ocr_lane_depth{lane="dead"})', alarm=1),
        stat("Workers that read", 'ocr_lane_consumers{lane="recognition.urgent"}'),
        lines("Pages to read, by class", ('ocr_pages{state="queued"}', "{{class}}"), stacked=True),
        lines("Depth of the lanes", ("ocr_lane_depth", "{{lane}}")),
        lines("Age of the oldest work", ("ocr_lane_oldest_seconds", "{{lane}}"), unit="s"),
        lines("Pages settled a second, by state", ("sum by (state) (rate(ocr_pages_done_total[5m]))", "{{state}}")),
        lines("Today's documents", ("ocr_documents", "{{state}}")),
        lines("Refused a second, by reason", ("sum by (code) (rate(ocr_refusals_total[15m]))", "{{code}}")),
        lines("Review backlog, by class", ("ocr_review_backlog", "{{class}}"), stacked=True),
        lines("Age of the oldest review", ("ocr_review_oldest_seconds", "oldest"), unit="s"),
        lines("Consumers, by lane", ("ocr_lane_consumers", "{{lane}}")),
        lines("Predicted time to drain, by class", ("ocr_drain_seconds", "{{class}}"), unit="s"),
        lines("Model servers wanted", ("ocr_wanted_instances", "wanted")),
        lines("Bulk runs: items", ("ocr_bulk_run_items", "{{state}}"), stacked=True),
        lines("Bulk window", ("ocr_bulk_window_open", "open")),
        lines("Triggers: events a second", ("sum by (outcome) (rate(ocr_trigger_events_total[5m]))", "{{outcome}}")),
        stat("Audit events today", "ocr_audit_events"),
        stat("Since the last one", "ocr_audit_age_seconds", unit="s"),
        stat("Refused documents today", "sum(ocr_refused_documents)"),
        stat("Events laid aside", "ocr_trigger_parked", alarm=1),
        stat("Pages in quarantine", "sum(ocr_pages_quarantined)", alarm=1),
        stat("Pages tried before", "sum(ocr_pages_retrying)"),
    ),
)

RECOGNITION = Dashboard(
    "ocr-recognition",
    "OCR pipeline: recognition",
    "How long, how sure, and on which servers.",
    (
        lines(
            "Document, 95th percentile, urgent",
            (quantile(0.95, "ocr_document_seconds", "kind", 'class="urgent"'), "{{kind}}"),
            unit="s",
            told="Targets: prescription 2 s, certificate 5 s, chart 12 s.",
        ),
        lines("Document, median, by class", (quantile(0.5, "ocr_document_seconds", "class"), "{{class}}"), unit="s"),
        lines(
            "Wait at the gate, 95th percentile",
            (quantile(0.95, "ocr_gate_wait_seconds", "class"), "{{class}}"),
            unit="s",
        ),
        lines("Stage, median", (quantile(0.5, "ocr_stage_seconds", "stage"), "{{stage}}"), unit="s"),
        lines("Stage, 99th percentile", (quantile(0.99, "ocr_stage_seconds", "stage"), "{{stage}}"), unit="s"),
        lines(
            "Work a second, by stage and end",
            ("sum by (stage, outcome) (rate(ocr_stage_outcomes_total[5m]))", "{{stage}} {{outcome}}"),
        ),
        Panel(
            "Confidence of pages",
            [Query("sum by (le) (increase(ocr_page_confidence_bucket[5m]))", "{{le}}")],
            "heatmap",
            told="How many pages of the last five minutes had which confidence.",
        ),
        lines(
            "Share below 0.85",
            (
                'sum(rate(ocr_page_confidence_bucket{le="0.85"}[15m])) / sum(rate(ocr_page_confidence_count[15m]))',
                "to people",
            ),
            unit="percentunit",
        ),
        lines("Readings that fail a second", ("sum by (code) (rate(ocr_pages_failed_total[5m]))", "{{code}}")),
        lines("Pages known already, a second", ("sum(rate(ocr_page_cache_hits_total[5m]))", "hits")),
        lines("Guards that spoke, a second", ("sum by (guard) (rate(ocr_guard_spoke_total[5m]))", "{{guard}}")),
        lines("Cross-checks a second", ("sum by (outcome) (rate(ocr_cross_checks_total[5m]))", "{{outcome}}")),
        lines("Generation, 95th percentile", (quantile(0.95, "ocr_generation_seconds", ""), "generation"), unit="s"),
        lines("Tokens a second", ("sum by (kind) (rate(ocr_tokens_total[5m]))", "{{kind}}")),
        lines("Pages that wait for a server", ("sum(ocr_pages_waiting_for_server)", "waiting")),
        lines("Load score of servers", ("avg by (server) (ocr_server_load_score)", "{{server}}")),
        lines(
            "Pages in flight, by server", ("sum by (server) (ocr_server_pages_in_flight)", "{{server}}"), stacked=True
        ),
        lines("Servers that are ill", ('max by (server) (ocr_server_state{state="ill"})', "{{server}}")),
        lines(
            "Trouble with servers a second",
            ("sum by (server) (rate(ocr_server_failovers_total[5m]))", "failover {{server}}"),
            ("sum by (server) (rate(ocr_server_ejections_total[5m]))", "set aside {{server}}"),
        ),
    ),
)

FRONT_DOOR = Dashboard(
    "ocr-front-door",
    "OCR pipeline: front door",
    "What clients ask for, and how they are answered.",
    (
        lines(
            "Requests a second, by status",
            ("sum by (status) (rate(ocr_gateway_requests_total[5m]))", "{{status}}"),
            stacked=True,
        ),
        lines("Requests a second, by route", ("sum by (route) (rate(ocr_gateway_requests_total[5m]))", "{{route}}")),
        lines(
            "Answer, 95th percentile",
            (quantile(0.95, "ocr_gateway_request_duration_seconds", "route"), "{{route}}"),
            unit="s",
        ),
        lines("Bytes taken in a second", ("sum(rate(ocr_gateway_received_bytes_total[5m]))", "received"), unit="Bps"),
        lines(
            "Share that fails",
            (
                'sum(rate(ocr_gateway_requests_total{status=~"5.."}[5m])) / sum(rate(ocr_gateway_requests_total[5m]))',
                "5xx",
            ),
            unit="percentunit",
        ),
        lines(
            "Turned away a second",
            ('sum(rate(ocr_gateway_requests_total{status="429"}[5m]))', "429"),
            ('sum(rate(ocr_gateway_requests_total{status="503"}[5m]))', "503"),
        ),
    ),
)

DASHBOARDS = (OVERVIEW, RECOGNITION, FRONT_DOOR)


def rendered(dashboard: Dashboard) -> str:
    """The dashboard as Grafana takes it."""
    model = {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.told,
        "tags": ["ocr-pipeline"],
        "timezone": "browser",
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "refresh": "15s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": []},
        "annotations": {"list": []},
        "panels": _laid_out(dashboard.panels),
    }
    return json.dumps(model, indent=2) + "\n"


def _laid_out(panels: Sequence[Panel]) -> list[dict[str, Any]]:
    placed, across, down, tallest = [], 0, 0, 0
    for number, panel in enumerate(panels, 1):
        if across + panel.width > WIDTH:
            across, down, tallest = 0, down + tallest, 0
        placed.append(_panel(number, panel, {"x": across, "y": down, "w": panel.width, "h": panel.height}))
        across, tallest = across + panel.width, max(tallest, panel.height)
    return placed


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.alarm is not None:
        steps.append({"color": "red", "value": panel.alarm})
    custom = {"stacking": {"mode": "normal"}, "fillOpacity": 30} if panel.stacked else {}
    return {
        "id": number,
        "title": panel.title,
        "description": panel.told,
        "type": panel.kind,
        "datasource": _SOURCE,
        "gridPos": place,
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "expr": query.expression,
                "legendFormat": query.legend or "__auto",
                "datasource": _SOURCE,
                **({"format": "heatmap"} if panel.kind == "heatmap" else {}),
            }
            for index, query in enumerate(panel.queries)
        ],
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "min": 0,
                "thresholds": {"mode": "absolute", "steps": steps},
                "custom": custom,
            },
            "overrides": [],
        },
        "options": {},
    }


def main() -> int:
    """Write or check every dashboard; returns the exit code."""
    parser = argparse.ArgumentParser(description="Grafana's dashboards as code.")
    parser.add_argument("--check", action="store_true")
    wanted_only_checked = parser.parse_args().check
    differing = []
    for dashboard in DASHBOARDS:
        place, text = FOLDER / f"{dashboard.uid}.json", rendered(dashboard)
        if wanted_only_checked:
            if not place.exists() or place.read_text(encoding="utf-8") != text:
                differing.append(place.name)
        else:
            place.write_text(text, encoding="utf-8")
    for name in differing:
        print(f"{name} is not what tools/dashboards.py writes", file=sys.stderr)
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
