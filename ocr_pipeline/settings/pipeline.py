"""The whole of the settings, and where they come from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from ocr_pipeline.domain.documents import MediaType
from ocr_pipeline.domain.errors import ConfigurationError
from ocr_pipeline.settings.engines import EngineSettings, VllmSettings, WorkerSettings
from ocr_pipeline.settings.feeds import BulkSettings
from ocr_pipeline.settings.front_door import GatewaySettings, OidcSettings, WebhookSettings
from ocr_pipeline.settings.group import split
from ocr_pipeline.settings.operations import ObservabilitySettings, ScalingSettings
from ocr_pipeline.settings.services import BrokerSettings, DatabaseSettings, KeySettings, StorageSettings
from ocr_pipeline.settings.stages import IntakeSettings, ReconcileSettings, RetrySettings, ReviewSettings
from ocr_pipeline.settings.triggers import TriggerSettings

CONFIG_VARIABLE = "OCR_PIPELINE_CONFIG"
SECRETS_VARIABLE = "OCR_PIPELINE_SECRETS_DIR"
"""Names a folder with a file for each secret, as Docker and Kubernetes mount them: `database__url` and so on."""

DEFAULT_CONFIG = Path("ocr-pipeline.toml")

_FORMAT_NAMES = {"png": MediaType.PNG, "jpeg": MediaType.JPEG, "tiff": MediaType.TIFF, "pdf": MediaType.PDF}
Format = Literal["png", "jpeg", "tiff", "pdf"]


def _resolution(value: object) -> object:
    if isinstance(value, str):
        width, _, height = value.lower().partition("x")
        return (width, height)
    return value


class Settings(BaseSettings):
    """All settings. Build it with `load`."""

    model_config = SettingsConfigDict(
        env_prefix="OCR_PIPELINE_", env_nested_delimiter="__", frozen=True, extra="forbid", hide_input_in_errors=True
    )
    toml_source: ClassVar[Path | None] = None
    secrets_source: ClassVar[Path | None] = None

    data_dir: Path = Path("~/.local/share/ocr-pipeline")
    client_id: str = Field("local", pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")

    max_image_resolution: Annotated[tuple[int, int], BeforeValidator(_resolution)] = (2048, 2048)
    supported_formats: Annotated[tuple[Format, ...], BeforeValidator(split)] = ("png", "jpeg", "tiff", "pdf")
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
    triggers: TriggerSettings = Field(default_factory=TriggerSettings)
    bulk: BulkSettings = Field(default_factory=BulkSettings)
    observability: ObservabilitySettings = Field(default_factory=ObservabilitySettings)
    scaling: ScalingSettings = Field(default_factory=ScalingSettings)

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
        """Command line over environment over files of secrets over TOML file."""
        del dotenv_settings
        sources = [init_settings, env_settings]
        if cls.secrets_source is not None:
            secrets = NestedSecretsSettingsSource(
                file_secret_settings, secrets_dir=cls.secrets_source, secrets_dir_missing="error", secrets_prefix=""
            )
            sources.append(secrets)
        if cls.toml_source is not None:
            sources.append(TomlConfigSettingsSource(settings_cls, cls.toml_source))
        return tuple(sources)


def load(config: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings of this process: from `config`, else the file named by OCR_PIPELINE_CONFIG, else ocr-pipeline.toml.

    Secrets may lie in files of their own, in the folder named by OCR_PIPELINE_SECRETS_DIR.

    Raises ConfigurationError naming each wrong setting, never its value.
    """
    named = config or (Path(os.environ[CONFIG_VARIABLE]) if os.environ.get(CONFIG_VARIABLE) else None)
    path = named or DEFAULT_CONFIG
    if named is not None and not path.is_file():
        raise ConfigurationError("the settings file that was named is not there or cannot be read")
    secrets = Path(os.environ[SECRETS_VARIABLE]) if os.environ.get(SECRETS_VARIABLE) else None
    if secrets is not None and not (secrets.is_dir() and os.access(secrets, os.R_OK | os.X_OK)):
        raise ConfigurationError(f"the folder that {SECRETS_VARIABLE} names is not there or cannot be read")
    sources = {"toml_source": path if path.is_file() else None, "secrets_source": secrets}
    source = type("Settings", (Settings,), {**sources, "__doc__": None})
    try:
        built = source(**dict(overrides or {}))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'settings'}: {each['msg']}" for each in error.errors())
        raise ConfigurationError(f"wrong settings: {wrong}") from None
    except OSError:
        raise ConfigurationError(f"a file in the folder that {SECRETS_VARIABLE} names cannot be read") from None
    except ValueError:
        raise ConfigurationError(
            "the settings file, a secret's file or an environment variable cannot be read as settings"
        ) from None
    assert isinstance(built, Settings)  # noqa: S101 - narrows the dynamic subclass
    return built
