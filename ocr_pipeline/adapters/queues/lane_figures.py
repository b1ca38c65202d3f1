"""The depths of the lanes: from the broker's statistics where they are to be had, else from the queues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import httpx
from kombu.utils.url import parse_url

from ocr_pipeline.adapters.queues.links import Link, Links
from ocr_pipeline.adapters.queues.topology import BULK, DEAD, MAINTENANCE, WORK_QUEUES, Topology
from ocr_pipeline.domain.errors import QueueUnavailable
from ocr_pipeline.ports.figures import LaneFigures

WATCHED = (*WORK_QUEUES, MAINTENANCE, BULK, DEAD)
"""Every queue of the pipeline, the dead letters' among them."""

_COLUMNS = (
    "name,messages_ready,messages_unacknowledged,consumers,"
    "message_stats.publish_details.rate,message_stats.deliver_get_details.rate"
)
_MAX_BYTES = 4 * 1024 * 1024


class DeclaredLanes:
    """The `LanesSource` port over AMQP alone: how many messages are ready, and how many consumers there are."""

    def __init__(self, broker_url: str, topology: Topology, *, timeout: float = 5.0) -> None:
        self._links = Links(broker_url, topology, timeout=timeout, idle=1)

    def __call__(self) -> Sequence[LaneFigures]:
        """Every queue. Raises QueueUnavailable."""

        def look(link: Link) -> list[LaneFigures]:
            return [LaneFigures(name, *link.standing(name)) for name in WATCHED]

        return self._links.use(look)

    def close(self) -> None:
        """Close the connection."""
        self._links.close()


class ManagedLanes:
    """The `LanesSource` port over RabbitMQ's management API (its `/api` address, credentials in it or without).

    Its figures are some seconds old, and it also knows what workers have in hand and how fast messages pass.
    """

    def __init__(self, management_url: str, broker_url: str, *, timeout: float = 5.0) -> None:
        address = httpx.URL(management_url)
        vhost = quote(str(parse_url(broker_url)["virtual_host"] or "/"), safe="")
        self._path = f"{address.path.rstrip('/')}/queues/{vhost}"
        credentials = (address.username, address.password) if address.username else None
        self._client = httpx.Client(
            base_url=address.copy_with(username=None, password=None, path="/"),
            auth=credentials,
            timeout=timeout,
            trust_env=False,
            headers={"accept": "application/json"},
        )

    def __call__(self) -> Sequence[LaneFigures]:
        """Every queue of the pipeline that exists. Raises QueueUnavailable."""
        try:
            rows = self._rows()
            known = {row["name"]: row for row in rows if row["name"] in WATCHED}
            return [_figures(known[name]) for name in WATCHED if name in known]
        except (httpx.HTTPError, ValueError, KeyError, TypeError, AttributeError) as error:
            # What the server says, and the address with its credentials, stay out of the message.
            raise QueueUnavailable("the broker's statistics cannot be had") from error

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _rows(self) -> list[Mapping[str, Any]]:
        with self._client.stream("GET", self._path, params={"columns": _COLUMNS, "disable_stats": "false"}) as answer:
            answer.raise_for_status()
            body = bytearray()
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > _MAX_BYTES:
                    raise QueueUnavailable("the broker's statistics are too long")
        parsed: list[Mapping[str, Any]] = httpx.Response(200, content=bytes(body)).json()
        return parsed


def _figures(row: Mapping[str, Any]) -> LaneFigures:
    stats = row.get("message_stats") or {}
    return LaneFigures(
        row["name"],
        # A queue that was made a moment ago has no figures yet.
        int(row.get("messages_ready", 0)),
        int(row.get("consumers", 0)),
        int(row.get("messages_unacknowledged", 0)),
        _rate(stats, "publish_details"),
        _rate(stats, "deliver_get_details"),
    )


def _rate(stats: Mapping[str, Any], name: str) -> float:
    return float((stats.get(name) or {}).get("rate", 0.0))
