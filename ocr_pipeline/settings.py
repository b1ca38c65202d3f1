"""Every setting of the pipeline in one frozen object.

Sources, the later winning: defaults, a TOML file, environment variables (`OCR_PIPELINE_MIN_CONFIDENCE_THRESHOLD`,
`OCR_PIPELINE_BROKER__URL`, ...), the command line. Secrets are never printed. Names that stand in the serving
requirements are kept as they are there.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from ocr_pipeline.domain.documents import MediaType
from ocr_pipeline.domain.errors import ConfigurationError

CONFIG_VARIABLE = "OCR_PIPELINE_CONFIG"
DEFAULT_CONFIG = Path("ocr-pipeline.toml")

_FORMAT_NAMES = {"png": MediaType.PNG, "jpeg": MediaType.JPEG, "tiff": MediaType.TIFF, "pdf": MediaType.PDF}
Format = Literal["png", "jpeg", "tiff", "pdf"]


def _split(value: object) -> object:
    return value.replace(",", " ").split() if isinstance(value, str) else value


def _resolution(value: object) -> object:
    if isinstance(value, str):
        width, _, height = value.lower().partition("x")
        return (width, height)
    return value


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BrokerSettings(_Group):
    """RabbitMQ. Without a URL the pipeline runs embedded, in one process."""

    url: SecretStr | None = None
    queue_type: Literal["quorum", "classic"] = "quorum"
    delivery_limit: int = Field(20, ge=1)
    max_lane_depth: int = Field(100_000, ge=1)


class DatabaseSettings(_Group):
    """PostgreSQL. Without a URL one is started under the data directory."""

    url: SecretStr | None = None
    pool_size: int = Field(10, ge=1)
    statement_timeout_seconds: float = Field(30.0, gt=0)
    lock_timeout_seconds: float = Field(10.0, gt=0)


class StorageSettings(_Group):
    """Where encrypted objects lie: a local directory, or an S3 bucket."""

    kind: Literal["local", "s3"] = "local"
    path: Path | None = None
    bucket: str = "ocr-pipeline"
    prefix: str = ""
    create_bucket: bool = False
    endpoint_url: str | None = None
    region: str = "us-east-1"
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None


class KeySettings(_Group):
    """What wraps the documents' data keys: a local key file, or AWS KMS."""

    provider: Literal["file", "aws_kms"] = "file"
    path: Path | None = None
    kms_key_id: str | None = None
    kms_fingerprint_key_id: str | None = None
    kms_endpoint_url: str | None = None
    kms_region: str = "us-east-1"
    cache_entries: int = Field(64, ge=0)
    cache_seconds: float = Field(60.0, ge=0)

    @model_validator(mode="after")
    def _kms_is_named(self) -> Self:
        if self.provider == "aws_kms" and not (self.kms_key_id and self.kms_fingerprint_key_id):
            raise ValueError("keys.provider aws_kms needs keys.kms_key_id and keys.kms_fingerprint_key_id")
        return self


class EngineSettings(_Group):
    """The recogniser: `cpu` and `vllm` are built in, others come by the `ocr_pipeline.engines` entry point."""

    name: str = "cpu"
    tessdata: Path | None = None
    options: dict[str, str | int | float | bool] = Field(default_factory=dict)


class VllmSettings(_Group):
    """The servers behind `engine.name = vllm`, and how far they are trusted.

    Servers are named one by one, in a file that is read again when it changes (one address a line), or by a DNS name
    whose addresses are asked for again and again. `profile` is found by the model's name where it is not given.
    """

    servers: Annotated[tuple[str, ...], BeforeValidator(_split)] = ("http://127.0.0.1:8000",)
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
    dcgm_urls: Annotated[tuple[str, ...], BeforeValidator(_split)] = ()
    cross_check: Literal["always", "doubtful", "sampled", "never"] = "always"
    cross_check_share: float = Field(0.1, gt=0, le=1)
    cross_check_threads: int = Field(default_factory=lambda: min(os.cpu_count() or 1, 4), ge=1)


class WorkerSettings(_Group):
    """A recognition worker: pages at once, slots that bulk may not take, seconds to finish in when told to stop.

    Without `slots` the engine says: as many as there are cores, two at most, or as `max_concurrent_requests` for vLLM.
    `metrics_port` serves what the worker counts to Prometheus; without one nothing listens.
    """

    slots: int | None = Field(None, ge=1)
    reserved_slots: int = Field(0, ge=0)
    shutdown_seconds: float = Field(30.0, ge=0)
    bulk_patience_seconds: float = Field(600.0, gt=0)
    metrics_port: int | None = Field(None, ge=1, le=65535)


class IntakeSettings(_Group):
    """Bounds on hostile files, beyond those named in the requirements."""

    max_file_bytes: int = Field(20 * 1024 * 1024, ge=1)
    max_source_pixels: int = Field(100_000_000, ge=1)
    memory_bytes: int = Field(1024**3, ge=256 * 1024**2)
    document_seconds: float = Field(25.0, gt=0)
    page_seconds: float = Field(10.0, gt=0)
    render_dpi: int = Field(200, ge=72, le=600)
    max_attempts: int = Field(3, ge=1)


class RetrySettings(_Group):
    """How often and when a failed page is tried again."""

    max_attempts: int = Field(3, ge=1)
    first_delay_seconds: float = Field(2.0, ge=0)
    longest_delay_seconds: float = Field(300.0, ge=0)
    outage_delay_seconds: float = Field(10.0, ge=0)
    max_suspicions: int = Field(3, ge=1)


class ReviewSettings(_Group):
    """Human review: how long a claim holds."""

    lease_minutes: float = Field(15.0, gt=0)


class ReconcileSettings(_Group):
    """The sweep: how often, and after how long without an outcome a sent message counts as lost."""

    interval_seconds: float = Field(15.0, gt=0)
    stalled_after_seconds: float = Field(1800.0, gt=0)


class GatewaySettings(_Group):
    """The HTTP front door: bounds on bodies and waiting, and where all its processes count what clients ask for.

    `limiter` is `valkey` for a Valkey or Redis server at `valkey_url`; `memory` counts in each process alone.
    `max_lane_depth` messages in a lane turn new documents away; `max_streams` bounds requests that wait for progress.
    """

    max_clock_skew_seconds: float = Field(300.0, gt=0)
    idle_body_seconds: float = Field(15.0, gt=0)
    body_seconds: float = Field(120.0, gt=0)
    max_wait_seconds: float = Field(60.0, ge=0)
    max_streams: int = Field(500, ge=1)
    poll_seconds: float = Field(0.5, gt=0)
    limiter: Literal["postgres", "valkey", "memory"] = "postgres"
    valkey_url: SecretStr | None = None
    max_lane_depth: int = Field(50_000, ge=1)
    idempotency_hours: float = Field(24.0, gt=0)
    response_cache: bool = True
    response_cache_days: float = Field(30.0, gt=0)

    @model_validator(mode="after")
    def _valkey_is_named(self) -> Self:
        if self.limiter == "valkey" and self.valkey_url is None:
            raise ValueError("gateway.limiter valkey needs gateway.valkey_url")
        return self


class OidcSettings(_Group):
    """Bearer tokens of an OpenID Connect provider, beside signed requests. Without an issuer none are taken."""

    issuer: str | None = None
    audience: str | None = None
    jwks_url: str | None = None
    client_claim: str | None = None
    roles_claim: str = "roles"

    @model_validator(mode="after")
    def _audience_is_named(self) -> Self:
        if self.issuer is not None and (self.audience is None or self.jwks_url is None):
            raise ValueError("oidc.issuer needs oidc.audience and oidc.jwks_url")
        return self


class WebhookSettings(_Group):
    """Messages to clients: how long a receiver may take, how often the sweep looks, and where they may go.

    `allow_http` and `allow_private` let them go to plain HTTP and to addresses that are not public.
    """

    timeout_seconds: float = Field(10.0, gt=0)
    interval_seconds: float = Field(2.0, gt=0)
    allow_http: bool = False
    allow_private: bool = False


class Settings(BaseSettings):
    """All settings. Build it with `load`."""

    model_config = SettingsConfigDict(
        env_prefix="OCR_PIPELINE_", env_nested_delimiter="__", frozen=True, extra="forbid", hide_input_in_errors=True
    )
    toml_source: ClassVar[Path | None] = None

    data_dir: Path = Path("~/.local/share/ocr-pipeline")
    client_id: str = Field("local", pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")

    max_image_resolution: Annotated[tuple[int, int], BeforeValidator(_resolution)] = (2048, 2048)
    supported_formats: Annotated[tuple[Format, ...], BeforeValidator(_split)] = ("png", "jpeg", "tiff", "pdf")
    max_pages_per_request: int = Field(20, ge=1)
    request_timeout_seconds: float = Field(30.0, gt=0)
    model_name: str = "Qwen/Qwen2.5-VL-7B-Instruct"
    tensor_parallel_size: int = Field(1, ge=1)
    max_model_len: int = Field(8192, ge=256)
    max_concurrent_requests: int = Field(32, ge=1)
    gpu_memory_utilization: float = Field(0.90, gt=0, le=1)
    enable_confidence_scoring: bool = True
    min_confidence_threshold: float = Field(0.85, ge=0, le=1)
    enable_human_review_routing: bool = True
    enable_request_logging: bool = True
    log_contains_phi: Literal[False] = False
    enable_encryption_at_rest: Literal[True] = True
    audit_trail_enabled: Literal[True] = True

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "text"] = "auto"

    broker: BrokerSettings = Field(default_factory=BrokerSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    storage: StorageSettings = Field(default_factory=StorageSettings)
    keys: KeySettings = Field(default_factory=KeySettings)
    engine: EngineSettings = Field(default_factory=EngineSettings)
    vllm: VllmSettings = Field(default_factory=VllmSettings)
    worker: WorkerSettings = Field(default_factory=WorkerSettings)
    intake: IntakeSettings = Field(default_factory=IntakeSettings)
    retry: RetrySettings = Field(default_factory=RetrySettings)
    review: ReviewSettings = Field(default_factory=ReviewSettings)
    reconcile: ReconcileSettings = Field(default_factory=ReconcileSettings)
    gateway: GatewaySettings = Field(default_factory=GatewaySettings)
    oidc: OidcSettings = Field(default_factory=OidcSettings)
    webhooks: WebhookSettings = Field(default_factory=WebhookSettings)

    @model_validator(mode="after")
    def _bulk_keeps_a_slot(self) -> Self:
        if self.worker.reserved_slots >= self.slots:
            raise ValueError("worker.reserved_slots must leave bulk at least one of worker.slots")
        return self

    @property
    def slots(self) -> int:
        """Pages that a recognition worker has in hand at once."""
        if self.worker.slots is not None:
            return self.worker.slots
        return self.max_concurrent_requests if self.engine.name == "vllm" else min(os.cpu_count() or 1, 2)

    @property
    def home(self) -> Path:
        """The data directory, absolute."""
        return self.data_dir.expanduser().absolute()

    @property
    def object_dir(self) -> Path:
        """Where the local object store lies."""
        return (self.storage.path or self.home / "objects").expanduser().absolute()

    @property
    def key_file(self) -> Path:
        """The local key file."""
        return (self.keys.path or self.home / "keys.json").expanduser().absolute()

    @property
    def media_types(self) -> frozenset[MediaType]:
        """The formats taken in."""
        return frozenset(_FORMAT_NAMES[name] for name in self.supported_formats)

    @property
    def embedded(self) -> bool:
        """Whether everything runs in one process, with no broker."""
        return self.broker.url is None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Command line over environment over TOML file."""
        del dotenv_settings, file_secret_settings
        if cls.toml_source is None:
            return init_settings, env_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, cls.toml_source)


def load(config: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings of this process: from `config`, else the file named by OCR_PIPELINE_CONFIG, else ocr-pipeline.toml.

    Raises ConfigurationError naming each wrong setting, never its value.
    """
    named = config or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    path = named or DEFAULT_CONFIG
    if named is not None and not path.is_file():
        raise ConfigurationError("the settings file that was named is not there or cannot be read")
    source = type("Settings", (Settings,), {"toml_source": path if path.is_file() else None, "__doc__": None})
    try:
        built = source(**dict(overrides or {}))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'settings'}: {each['msg']}" for each in error.errors())
        raise ConfigurationError(f"wrong settings: {wrong}") from None
    except ValueError:
        raise ConfigurationError("the settings file or an environment variable cannot be read as settings") from None
    assert isinstance(built, Settings)  # noqa: S101 - narrows the dynamic subclass
    return built
