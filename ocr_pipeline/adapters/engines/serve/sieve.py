"""What of a model server's output may be told: nothing in the server's own words.

A server may quote what it was asked and what it answered, above all when something goes wrong: tracebacks and dumps
hold document text. So no line is passed on. What is recognised is told in words of ours, with numbers alone taken from
the line; of a warning or error that is not, its level and place in the server's source; of an exception, its class
where that is a well-known one. The rest is counted. To read everything, start the command line that the supervisor
names by hand, on a server that is given no patients' documents.
"""

from __future__ import annotations

import builtins
import re
from dataclasses import dataclass
from typing import Final, Literal

Level = Literal["info", "warning", "error"]

LONGEST_LINE: Final = 4096
"""Characters of a line that are looked at."""
_MOST_PLACES: Final = 200

_NUMBER = r"(\d[\d,]*(?:\.\d+)?)"
_HEADER = re.compile(
    r"\(\w+ pid=\d+\) (?P<level>INFO|WARNING|ERROR|CRITICAL) \d\d-\d\d \d\d:\d\d:\d\d "
    r"\[(?P<file>[a-z0-9_]{1,40}\.py):(?P<line>\d{1,6})\] "
)
_EXCEPTION = re.compile(r"(?:[a-z0-9_]{1,20}\.){0,5}([A-Z][A-Za-z]{3,40})(?=:|$)")
_EXCEPTIONS = frozenset(
    {
        *(name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)),
        "AcceleratorError",
        "EngineDeadError",
        "EngineGenerateError",
        "GatedRepoError",
        "HfHubHTTPError",
        "LocalEntryNotFoundError",
        "OutOfMemoryError",
        "PackageNotFoundError",
        "RepositoryNotFoundError",
        "SafetensorError",
        "ValidationError",
    }
)

_KNOWN: Final[tuple[tuple[Level, str, str], ...]] = (
    ("info", r"Starting to load model ", "it loads the model"),
    ("info", rf"Loading \w+ checkpoint shards:\s+{_NUMBER}%", "weights loaded: {} %"),
    ("info", rf"Loading weights took {_NUMBER} seconds", "the weights took {} s"),
    (
        "info",
        rf"Model loading took {_NUMBER} GiB memory and {_NUMBER} seconds",
        "the model takes {} GiB, loaded in {} s",
    ),
    (
        "info",
        rf"KV cache size: {_NUMBER} tokens, Maximum concurrency for {_NUMBER} tokens per request: {_NUMBER}x",
        "its cache holds {} tokens: of requests of {} tokens, {} at once",
    ),
    ("info", rf"Graph capturing finished in {_NUMBER} secs, took {_NUMBER} GiB", "graphs captured in {} s, {} GiB"),
    ("info", rf"init engine \(.{{0,60}}\) took {_NUMBER} s", "it is set up after {} s"),
    ("info", r"Starting vLLM server on ", "it begins to listen"),
    ("error", r"error: unrecognized arguments", "it does not know one of its arguments: see the command line above"),
    ("error", r"error: argument ", "it does not take the value of one of its arguments: see the command line above"),
    ("error", r"[Aa]ddress already in use", "its port is in use"),
    ("error", r"CUDA out of memory|not enough GPU memory", "the GPU's memory is full"),
    (
        "error",
        r"No available memory for the cache blocks",
        "no memory is left for its cache: raise gpu_memory_utilization, or take a larger GPU or a smaller model",
    ),
    (
        "error",
        rf"max seq len \({_NUMBER}\), \({_NUMBER} GiB KV cache is needed, .{{0,60}}memory \({_NUMBER} GiB\)",
        "a request of {} tokens needs {} GiB of cache, and {} GiB are there: lower max_model_len",
    ),
    (
        "error",
        rf"Free memory on device .{{0,20}}\({_NUMBER}/{_NUMBER} GiB\) on startup is less than",
        "only {} of {} GiB of the GPU's memory are free: lower gpu_memory_utilization, or see who else is on the GPU",
    ),
    ("error", r"Failed to infer device type", "it finds no GPU"),
    (
        "error",
        (
            r"is not a valid model identifier|is not the path to a directory|Repository Not Found|"
            r"couldn't connect to .{0,60} to load|outgoing traffic has been disabled|"
            r"does not appear to have a file named|Cannot find an appropriate cached snapshot"
        ),
        "the model's files are neither here nor to be had: see the model's name, HF_HOME and HF_HUB_OFFLINE",
    ),
    (
        "error",
        r"No package metadata was found for vllm",
        "it is not installed as vllm: try --program 'python -m vllm.entrypoints.openai.api_server --model'",
    ),
    ("error", r"trust_remote_code=True", "the model brings code of its own: it needs --trust-remote-code"),
    ("error", r"Engine core initialization failed", "its engine did not start"),
)
_PATTERNS = tuple((level, re.compile(pattern), text) for level, pattern, text in _KNOWN)


@dataclass(frozen=True, slots=True)
class Remark:
    """What a line comes to, in words of ours."""

    level: Level
    text: str


class Sieve:
    """Takes the output of a server, line by line; `withheld` counts the lines of which nothing was told."""

    def __init__(self) -> None:
        self.withheld = 0
        self._last: Remark | None = None
        self._places: set[str] = set()

    def begin(self) -> None:
        """A new process begins to speak."""
        self._last = None
        self._places.clear()

    def take(self, line: str) -> Remark | None:
        """What may be told of a line; None where it is nothing, or was just told."""
        text = line[:LONGEST_LINE].strip()
        if not text:
            return None
        remark = _recognised(text) or self._placed(text) or _exception(text)
        if remark is None:
            self.withheld += 1
            return None
        if remark == self._last:  # each of several processes says the same
            return None
        self._last = remark
        return remark

    def _placed(self, text: str) -> Remark | None:
        """A warning or error by its place, once for each place."""
        header = _HEADER.match(text)
        if header is None or header["level"] == "INFO":
            return None
        place = f"{header['file']}:{header['line']}"
        if place in self._places or len(self._places) >= _MOST_PLACES:
            return None
        self._places.add(place)
        if header["level"] == "WARNING":
            return Remark("warning", f"it warns at {place}")
        return Remark("error", f"there is an error at {place}")


def _recognised(text: str) -> Remark | None:
    for level, pattern, words in _PATTERNS:
        found = pattern.search(text)
        if found is not None:
            return Remark(level, words.format(*found.groups()))
    return None


def _exception(text: str) -> Remark | None:
    header = _HEADER.match(text)
    found = _EXCEPTION.match(text, 0 if header is None else header.end())
    if found is None or found[1] not in _EXCEPTIONS:
        return None
    return Remark("error", f"it raised {found[1]}")
