"""The command line and the environment of `vllm serve`, from plain options.

What a flag is for stands beside it; `docs/guides/gpu.md` says more. Checked against vLLM 0.32.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from ocr_pipeline.adapters.engines.serve.flags import Flag, parse_flags
from ocr_pipeline.domain.errors import ConfigurationError

VLLM_SERVE: Final = ("vllm", "serve")
QUEUE_DEPTH: Final = 4
"""Requests a server holds at most, running and waiting, for each that runs at once: beyond it answers 503."""

_OWN = frozenset({"host", "port", "model", "scheduling-policy"})
"""Set by options of ours, or what the pipeline stands on: not to be changed behind its back."""

_UNWATCHED = frozenset({"uds", "headless", "grpc", "grpc-port", "config", "tokens-only"})
"""They move the server to where nobody looks, or bring in flags that nobody has seen."""

_TELLING = frozenset(
    {
        "enable-log-requests",
        "enable-log-outputs",
        "log-error-stack",
        "max-log-len",
        "log-level",
        "logging-config",
        "log-config-file",
        "uvicorn-log-level",
        "middleware",
    }
)
"""They decide what of a request comes into a log."""

_DROPPED_VARIABLES = ("VLLM_LOGGING_CONFIG_PATH", "VLLM_LOGGING_PREFIX")
_FIXED_VARIABLES: Mapping[str, str] = {
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_CONFIGURE_LOGGING": "1",
    "VLLM_LOGGING_LEVEL": "INFO",
    "VLLM_LOGGING_STREAM": "ext://sys.stdout",
    "VLLM_LOGGING_COLOR": "0",
    "VLLM_DEBUG_LOG_API_SERVER_RESPONSE": "false",
    "VLLM_TRACE_FUNCTION": "0",
    "VLLM_SERVER_DEV_MODE": "0",
    "VLLM_KEEP_ALIVE_ON_ENGINE_DEATH": "0",
    "PYTHONUNBUFFERED": "1",
}


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """What to serve and how. `program` is put before the model's name; `extra` wins over everything but safety.

    `model_name` is a name or a folder; `served_name` is what clients call it, if something else. Where `vllm serve`
    does not start, `program` may be `python -m vllm.entrypoints.openai.api_server --model`. `profile_arguments` are
    what the model's profile asks for.
    """

    model_name: str
    served_name: str | None = None
    host: str = "0.0.0.0"  # noqa: S104 - workers on other machines ask it; deploy/ keeps others out
    port: int = 8000
    tensor_parallel_size: int = 1
    max_model_len: int = 8192
    gpu_memory_utilization: float = 0.90
    max_concurrent_requests: int = 32
    profile_arguments: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    program: tuple[str, ...] = VLLM_SERVE


@dataclass(frozen=True, slots=True)
class Override:
    """A flag given twice: what was `dropped`, what is `kept`, and who said so (`profile` or `extra`)."""

    dropped: str
    kept: str
    by: str


@dataclass(frozen=True, slots=True)
class ServeCommand:
    """A command line, and what in it overrode what."""

    words: tuple[str, ...]
    overrides: tuple[Override, ...] = ()


def serve_command(options: ServeOptions) -> ServeCommand:
    """The full command line. Later sources win: our defaults, the profile, `extra`.

    Raises ConfigurationError for a flag that would hide the server from its supervisor or put requests into logs.
    """
    _check(options)
    flags = {flag.key: flag for flag in parse_flags(_defaults(options))}
    overrides: list[Override] = []
    for source, words in (("profile", options.profile_arguments), ("extra", options.extra)):
        given = _grouped(parse_flags(words))
        for key, group in given.items():
            _permit(key, group)
            before = flags.get(key)
            kept = Flag(key, tuple(word for flag in group for word in flag.words))
            if before is not None and not before.says_as(kept):
                overrides.append(Override(before.text, kept.text, source))
            flags[key] = kept
    words = tuple(word for flag in flags.values() for word in flag.words)
    return ServeCommand((*options.program, options.model_name, *words), tuple(overrides))


def shown(command: ServeCommand, program: tuple[str, ...]) -> str:
    """The command line for people, to be pasted into a shell; without secrets."""
    start = len(program) + 1
    flags = parse_flags(command.words[start:])
    return " ".join((shlex.join(command.words[:start]), *(flag.text for flag in flags)))


def serve_environment(
    inherited: Mapping[str, str], profile: Mapping[str, str] | None = None, api_key: str | None = None
) -> dict[str, str]:
    """The environment of the server: no setting of ours (they hold passwords), no usage reports, no talkative log.

    `profile` is what the model's profile asks for. The `api_key` that the server asks of its clients goes this way,
    because anybody on the machine may read command lines.
    """
    kept = {
        name: value
        for name, value in inherited.items()
        if not name.startswith("OCR_PIPELINE_") and name not in _DROPPED_VARIABLES
    }
    key = {} if api_key is None else {"VLLM_API_KEY": api_key}
    return kept | dict(profile or {}) | dict(_FIXED_VARIABLES) | key


def _defaults(options: ServeOptions) -> list[str]:
    flags: dict[str, str | None] = {
        "--served-model-name": options.served_name or options.model_name,
        "--host": options.host,
        "--port": str(options.port),
        "--tensor-parallel-size": str(options.tensor_parallel_size),
        "--max-model-len": str(options.max_model_len),
        "--gpu-memory-utilization": f"{options.gpu_memory_utilization:g}",
        "--max-num-seqs": str(options.max_concurrent_requests),
        # a queue without end hides an overload until every deadline has passed
        "--max-num-queued-reqs": str(options.max_concurrent_requests * QUEUE_DEPTH),
        "--scheduling-policy": "priority",
        "--limit-mm-per-prompt": json.dumps({"image": 1, "video": 0}, separators=(",", ":")),
        # each page is asked with its own bound on pixels, which 0.32 takes only from clients it trusts
        "--trust-request-mm-kwargs": None,
        # sampling is the profile's alone, not what a file beside the weights adds to it
        "--generation-config": "vllm",
        # no page comes twice: remembering pages costs memory, and keeps patients' pages longer than they are needed
        "--no-enable-prefix-caching": None,
        "--mm-processor-cache-gb": "0",
        "--no-enable-log-requests": None,
        "--no-enable-log-outputs": None,
        "--no-log-error-stack": None,
        "--max-log-len": "0",
        "--disable-uvicorn-access-log": None,
    }
    if options.tensor_parallel_size > 1:
        flags["--mm-encoder-tp-mode"] = "data"  # the vision part is small: split the pages, not the weights
    return [word for name, value in flags.items() for word in ((name,) if value is None else (name, value))]


def _grouped(flags: Iterable[Flag]) -> dict[str, list[Flag]]:
    groups: dict[str, list[Flag]] = {}
    for flag in flags:
        groups.setdefault(flag.key, []).append(flag)
    return groups


def _permit(key: str, group: list[Flag]) -> None:
    name = f"--{key}"
    if key in _OWN:
        raise ConfigurationError(f"{name} cannot be passed on to the server: it has an option or a fixed value here")
    if key in _UNWATCHED:
        raise ConfigurationError(f"{name} cannot be passed on: the server would be out of its supervisor's sight")
    if key in _TELLING and not all(_negated(flag) for flag in group):
        raise ConfigurationError(f"{name} cannot be passed on: it could put document text into logs")


def _negated(flag: Flag) -> bool:
    return len(flag.words) == 1 and flag.words[0].replace("_", "-").startswith("--no-")


def _check(options: ServeOptions) -> None:
    if not options.program or not options.model_name or options.model_name.startswith("-"):
        raise ConfigurationError("a program to start and the name of a model are needed")
    if not 0 < options.gpu_memory_utilization <= 1:
        raise ConfigurationError("gpu_memory_utilization is a share above 0, at most 1")
    if min(options.tensor_parallel_size, options.max_model_len, options.max_concurrent_requests) < 1:
        raise ConfigurationError("tensor_parallel_size, max_model_len and max_concurrent_requests are at least 1")
    if not 0 < options.port < 65536:  # noqa: PLR2004 - ports
        raise ConfigurationError("a port is a number from 1 to 65535")
