"""The engine over vLLM servers, wired: servers and who names them, pool, profile, guards, and the second reader."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from random import Random

from prometheus_client import CollectorRegistry

from ocr_pipeline.adapters.clock import SystemClock
from ocr_pipeline.adapters.engines.survey import OpenCvSurveyor
from ocr_pipeline.adapters.engines.vllm.addresses import DnsAddresses, FileAddresses, FixedAddresses
from ocr_pipeline.adapters.engines.vllm.client import VllmServer
from ocr_pipeline.bootstrap.installed_engines import SECOND, installed_engine
from ocr_pipeline.bootstrap.telemetry import CrossCheckMetrics, PoolCollector, PoolMetrics, ReadingMetrics
from ocr_pipeline.ports.engine import Engine
from ocr_pipeline.ports.generation import GenerationServer
from ocr_pipeline.recognition.agreement.cross_check import CrossCheckedEngine
from ocr_pipeline.recognition.agreement.policy import CrossCheckPolicy, When
from ocr_pipeline.recognition.generative.engine import GenerativeEngine, Model
from ocr_pipeline.recognition.generative.loop import LoopThread
from ocr_pipeline.recognition.generative.probe import KnownPictureProbe
from ocr_pipeline.recognition.guards import GuardRules
from ocr_pipeline.recognition.pool.affinity import SessionAffinity
from ocr_pipeline.recognition.pool.health import HealthRules
from ocr_pipeline.recognition.pool.membership import AddressSource, MembershipRules
from ocr_pipeline.recognition.pool.observer import PoolSnapshot
from ocr_pipeline.recognition.pool.pool import PoolRules, ServerPool
from ocr_pipeline.recognition.pool.strategies import Balancing, strategy
from ocr_pipeline.recognition.profiles.profile import ModelProfile
from ocr_pipeline.recognition.profiles.registry import ProfileRegistry
from ocr_pipeline.settings import Settings, VllmSettings

_SAMPLING_KEY = b"ocr-pipeline cross-check"
"""No secret: it only keeps this choice apart from other hashes of the same image."""


def vllm_engine(settings: Settings, stack: ExitStack, registry: CollectorRegistry | None) -> Engine:
    """The engine, with its servers proved as far as they answer; those that do not are waited for later.

    Raises ConfigurationError for a profile, an address or a second reader that cannot be had.
    """
    registry = registry or CollectorRegistry()
    profile = profile_of(settings)
    loop = LoopThread("generation")
    stack.callback(loop.close)
    pool = server_pool(settings, profile, PoolMetrics(registry))
    collector = PoolCollector(lambda: loop.run(_snapshot(pool)))
    registry.register(collector)
    stack.callback(registry.unregister, collector)
    loop.run(pool.start())
    model = Model(settings.model_name, profile, settings.max_model_len, scored=settings.enable_confidence_scoring)
    reader = GenerativeEngine(model, pool, OpenCvSurveyor(), loop, GuardRules(), ReadingMetrics(registry))
    stack.callback(reader.close)
    return cross_checked(settings, reader, stack, registry)


def cross_checked(settings: Settings, reader: Engine, stack: ExitStack, registry: CollectorRegistry) -> Engine:
    """The reader, and the CPU engine beside it as far as the settings want its opinion."""
    vllm = settings.vllm
    when = When(vllm.cross_check)
    if when is When.NEVER:
        return reader
    # The cross-checked engine owns both and closes the second one when it has stopped reading.
    second = installed_engine(settings, SECOND, vllm.cross_check_threads, ExitStack())
    policy = CrossCheckPolicy(
        when, vllm.cross_check_share, key=_SAMPLING_KEY, doubtful_below=settings.min_confidence_threshold
    )
    engine = CrossCheckedEngine(
        reader,
        second,
        policy,
        SystemClock(),
        threads=vllm.cross_check_threads,
        waiting=settings.slots,
        observer=CrossCheckMetrics(registry),
    )
    stack.callback(engine.close)
    return engine


def profile_of(settings: Settings) -> ModelProfile:
    """The profile that is named, or meant for the model. Raises ConfigurationError."""
    return ProfileRegistry.installed().find(settings.model_name, settings.vllm.profile)


def server_pool(settings: Settings, profile: ModelProfile, observer: PoolMetrics) -> ServerPool:
    """The pool over the servers of the settings, not yet started."""
    vllm = settings.vllm
    rules = PoolRules(
        max_concurrent=settings.max_concurrent_requests,
        health=HealthRules(quiet=vllm.quiet_seconds, probe_deadline=vllm.probe_seconds),
        membership=MembershipRules(refresh_interval=vllm.refresh_seconds),
    )
    return ServerPool(
        addresses(vllm),
        connector(vllm),
        KnownPictureProbe(settings.model_name, profile),
        strategy(Balancing(vllm.strategy), Random()),  # noqa: S311 - spreads load, keeps no secret
        affinity=SessionAffinity() if vllm.session_affinity else None,
        observer=observer,
        rules=rules,
    )


def addresses(vllm: VllmSettings) -> AddressSource:
    """Who names the servers: a DNS name, else a file, else the settings themselves."""
    if vllm.dns_name is not None:
        return DnsAddresses(vllm.dns_name)
    if vllm.servers_file is not None:
        return FileAddresses(vllm.servers_file)
    return FixedAddresses(vllm.servers)


def connector(vllm: VllmSettings) -> Callable[[str], GenerationServer]:
    """From an address to a server."""
    key = None if vllm.api_key is None else vllm.api_key.get_secret_value()

    def connect(address: str) -> GenerationServer:
        return VllmServer(address, api_key=key, stall_seconds=vllm.stall_seconds, connect_seconds=vllm.connect_seconds)

    return connect


async def _snapshot(pool: ServerPool) -> PoolSnapshot:
    return pool.snapshot()
