"""What a model server says of its own load, out of its Prometheus metrics."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from ocr_pipeline.domain.errors import EngineGarbage
from ocr_pipeline.ports.generation import ServerLoad

RUNNING = "vllm:num_requests_running"
WAITING = "vllm:num_requests_waiting"
CACHE_USAGE = ("vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc")
"""The share of the cache in use, by its present name and by its former one."""

_WANTED = frozenset({RUNNING, WAITING, *CACHE_USAGE})
_PARSE_ERRORS = (ValueError, LookupError, TypeError, AttributeError)
"""What the parser raises on text that is no metrics."""


class Figure(NamedTuple):
    """One metric of one engine or device."""

    name: str
    labels: Mapping[str, str]
    value: float


def parse_load(text: str) -> ServerLoad:
    """Requests running and waiting are summed over the engines of one server, cache use is their mean.

    Names that are missing count as nothing. Raises EngineGarbage as `figures` does.
    """
    by_name: dict[str, list[float]] = defaultdict(list)
    for figure in figures(text, _WANTED):
        by_name[figure.name].append(figure.value)
    cache = next((by_name[name] for name in CACHE_USAGE if name in by_name), [0.0])
    return ServerLoad(
        running=round(sum(by_name[RUNNING])),
        waiting=round(sum(by_name[WAITING])),
        cache_usage=min(1.0, sum(cache) / len(cache)),
    )


def figures(text: str, names: frozenset[str]) -> Iterator[Figure]:
    """The metrics of these names.

    Raises EngineGarbage for text that is no metrics and for figures below 0 or not finite.
    """
    for figure in _all_figures(text):
        if figure.name in names:
            if not math.isfinite(figure.value) or figure.value < 0:
                raise EngineGarbage("a figure in the metrics is no count")
            yield figure


def _all_figures(text: str) -> list[Figure]:
    try:
        return [
            Figure(sample.name, sample.labels, sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        ]
    except _PARSE_ERRORS:
        pass
    # Raised outside the handler: the parser's error quotes the line.
    raise EngineGarbage("the metrics cannot be read")
