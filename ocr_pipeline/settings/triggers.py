"""S3 triggers: where events come from, what is made of which object, and where results go."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from ocr_pipeline.settings.group import Group, split

_NAME = r"^[a-z0-9][a-z0-9_-]{0,62}$"
_BUCKET = r"^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$"
_CLIENT = r"^[a-z0-9][a-z0-9._-]{0,62}$"
_TOKEN_CHARACTERS = 24

Names = Annotated[tuple[str, ...], BeforeValidator(split)]


class SqsSource(Group):
    """A queue of Amazon SQS, or of a server that speaks it. What is not set is boto3's own affair."""

    kind: Literal["sqs"]
    name: str = Field(pattern=_NAME)
    queue_url: str
    region: str | None = None
    endpoint_url: str | None = None
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None
    visibility_seconds: int = Field(60, ge=10, le=3600)


class AmqpSource(Group):
    """A RabbitMQ queue, at `url` or at the pipeline's own broker."""

    kind: Literal["amqp"]
    name: str = Field(pattern=_NAME)
    queue: str = Field(min_length=1, max_length=255)
    url: SecretStr | None = None
    exchange: str = ""
    routing_key: str = ""


class WebhookSource(Group):
    """Events that a server posts to `/v1/events/s3/NAME`, with a bearer token or signed by a client that is named."""

    kind: Literal["webhook"]
    name: str = Field(pattern=_NAME)
    token: SecretStr | None = None
    clients: Names = ()

    @model_validator(mode="after")
    def _somebody_may_send(self) -> Self:
        if self.token is None and not self.clients:
            raise ValueError("a webhook source needs a token, or clients that sign")
        if self.token is not None and len(self.token.get_secret_value()) < _TOKEN_CHARACTERS:
            raise ValueError(f"the token of a webhook source has at least {_TOKEN_CHARACTERS} characters")
        return self


class TriggerRule(Group):
    """Objects of a bucket under a prefix, with one of the suffixes, and what they become. The first that fits wins."""

    bucket: str = Field(pattern=_BUCKET)
    client: str = Field(pattern=_CLIENT)
    prefix: str = ""
    suffixes: Names = ()
    type: Literal["prescription", "certificate", "chart", "other"] = "other"
    priority: Literal["urgent", "routine", "bulk"] = "routine"


class TriggerBuckets(Group):
    """The S3 server that the objects lie on, where it is not the pipeline's own."""

    endpoint_url: str | None = None
    region: str = "us-east-1"
    access_key: SecretStr | None = None
    secret_key: SecretStr | None = None


class ListerSettings(Group):
    """The listing that finds what events missed. Objects younger than the grace period are left to their events."""

    enabled: bool = True
    interval_minutes: float = Field(15.0, gt=0)
    grace_seconds: float = Field(300.0, ge=0)
    objects_per_second: float = Field(500.0, gt=0)


class OutputSettings(Group):
    """Results written back: which forms, under which prefix, in the object's own bucket or in another.

    `tag` sets `ocr-pipeline` on each source object to the state that its document came to. `encryption` is what the
    server is asked for.
    """

    forms: Annotated[tuple[Literal["text", "json", "pdf"], ...], BeforeValidator(split)] = ()
    prefix: str = "ocr-results/"
    bucket: str | None = Field(None, pattern=_BUCKET)
    tag: bool = False
    encryption: Literal["AES256", "aws:kms"] | None = None
    kms_key_id: str | None = None
    interval_seconds: float = Field(5.0, gt=0)

    @model_validator(mode="after")
    def _results_do_not_cover_sources(self) -> Self:
        if self.forms and self.bucket is None and not self.prefix:
            raise ValueError("output.prefix must not be empty where results go into the bucket that they come from")
        return self

    @property
    def wanted(self) -> bool:
        """Whether anything is written at all."""
        return bool(self.forms) or self.tag


class TriggerSettings(Group):
    """S3 events: where they come from, and what is made of which object.

    With `max_lane_depth` messages in an intake lane no events are taken until it is shallower. `max_held` bounds the
    events that wait or are parked in the database.
    """

    sources: tuple[Annotated[SqsSource | AmqpSource | WebhookSource, Field(discriminator="kind")], ...] = ()
    rules: tuple[TriggerRule, ...] = ()
    buckets: TriggerBuckets | None = None
    lister: ListerSettings = Field(default_factory=ListerSettings)
    output: OutputSettings = Field(default_factory=OutputSettings)
    at_once: int = Field(8, ge=1, le=64)
    wait_seconds: float = Field(5.0, gt=0, le=20)
    max_attempts: int = Field(5, ge=1)
    max_lane_depth: int = Field(10_000, ge=1)
    max_held: int = Field(100_000, ge=1)
    metrics_port: int | None = Field(None, ge=1, le=65535)

    @model_validator(mode="after")
    def _rules_take_something(self) -> Self:
        for rule in self.rules:
            if self.output.bucket in {None, rule.bucket} and rule.prefix.startswith(self.output.prefix):
                raise ValueError(f"a rule for {rule.bucket} takes nothing: all of it lies where results go")
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [source.name for source in self.sources]
        if len(set(names)) != len(names):
            raise ValueError("two sources have the same name")
        return self
