"""The recogniser, its model servers, and the workers that use them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr

from ocr_pipeline.settings.group import Group, split


class EngineSettings(Group):
    """The recogniser: `cpu` and `vllm` are built in, others come by the `ocr_pipeline.engines` entry point."""

    name: str = "cpu"
    tessdata: Path | None = None
    options: dict[str, str | int | float | bool] = Field(default_factory=dict)


class VllmSettings(Group):
    """The servers behind `engine.name = vllm`, and how far they are trusted.

    Servers are named one by one, in a file that is read again when it changes (one address a line), or by a DNS name
    whose addresses are asked for again and again. `profile` is found by the model's name where it is not given.
    """

    servers: Annotated[tuple[str, ...], BeforeValidator(split)] = ("http://127.0.0.1:8000",)
    servers_file: Path | None = None
    dns_name: str | None = None
    refresh_seconds: float = Field(5.0, gt=0)
    api_key: SecretStr | None = None
    profile: str | None = None
    strategy: Literal["least_load", "round_robin", "weighted_random"] = "least_load"
    session_affinity: bool = False
    connect_seconds: float = Field(2.0, gt=0)
    stall_seconds: float = Field(10.0, gt=0)
    probe_seconds: float = Field(5.0, gt=0)
    quiet_seconds: float = Field(2.0, gt=0)
    dcgm_urls: Annotated[tuple[str, ...], BeforeValidator(split)] = ()
    cross_check: Literal["always", "doubtful", "sampled", "never"] = "always"
    cross_check_share: float = Field(0.1, gt=0, le=1)
    cross_check_threads: int = Field(default_factory=lambda: min(os.cpu_count() or 1, 4), ge=1)


class WorkerSettings(Group):
    """A recognition worker: pages at once, slots that bulk may not take, seconds to finish in when told to stop.

    Without `slots` the engine says: as many as there are cores, two at most, or as `max_concurrent_requests` for vLLM.
    `metrics_port` serves what the worker counts to Prometheus; without one nothing listens. `pulse_file` is touched
    every few seconds while the process works, for probes that look at its age.
    """

    slots: int | None = Field(None, ge=1)
    reserved_slots: int = Field(0, ge=0)
    shutdown_seconds: float = Field(30.0, ge=0)
    bulk_patience_seconds: float = Field(600.0, gt=0)
    metrics_port: int | None = Field(None, ge=1, le=65535)
    pulse_file: Path | None = None
