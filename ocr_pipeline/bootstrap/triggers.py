"""S3 triggers over an open pipeline: their sources, the listing and the results, each in a loop of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from threading import Event, Thread

from pydantic import SecretStr

from ocr_pipeline import logs
from ocr_pipeline.adapters.clock import RandomIds
from ocr_pipeline.adapters.objects.s3_buckets import S3Buckets
from ocr_pipeline.adapters.objects.s3_client import S3Endpoint
from ocr_pipeline.bootstrap import adapters
from ocr_pipeline.bootstrap.application import Application
from ocr_pipeline.bootstrap.held_events import held_events
from ocr_pipeline.bootstrap.result_files import ReadResultFiles
from ocr_pipeline.domain.documents import DocumentKind
from ocr_pipeline.domain.errors import ConfigurationError, PipelineError
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.priorities import Priority
from ocr_pipeline.intake.receive import Arrival
from ocr_pipeline.intake.submit import SubmitDocument
from ocr_pipeline.ports.events import EventSource
from ocr_pipeline.ports.triggers import ObjectArrival
from ocr_pipeline.settings.triggers import AmqpSource, SqsSource, TriggerSettings, WebhookSource
from ocr_pipeline.triggers.handle import HandleLetter, TriggerObserver
from ocr_pipeline.triggers.inbox import Inbox
from ocr_pipeline.triggers.lister import ListPlaces, ListRules
from ocr_pipeline.triggers.output import OutputRules, WriteResults
from ocr_pipeline.triggers.pump import Pump, PumpRules
from ocr_pipeline.triggers.room import Room
from ocr_pipeline.triggers.rules import Place, Rule, Rules
from ocr_pipeline.triggers.take import TakeLimits, TakeObject

_LOOK_SECONDS = 5.0
_TROUBLE_SECONDS = 5.0
_INBOX_LEASE = timedelta(minutes=2)
_KEEP_SECONDS = 15.0
_CONNECTIONS_BESIDE = 8

_log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class TriggerLoop:
    """A piece of work done again and again, `pause` seconds apart where it found nothing to do."""

    name: str
    step: Callable[[], int]
    pause: float


@dataclass(frozen=True, slots=True)
class Triggers:
    """Everything that runs for S3 triggers until `stopping` is set."""

    loops: tuple[TriggerLoop, ...]
    stopping: Event

    def run(self) -> None:
        """Work until told to stop, and finish what is in hand."""
        threads = [Thread(target=self._keep_on, args=(loop,), name=f"triggers-{loop.name}") for loop in self.loops]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def run_once(self) -> dict[str, int]:
        """Work until nothing is left to do; returns how much each loop did. Raises what a loop raises."""
        done = dict.fromkeys((loop.name for loop in self.loops), 0)
        busy = True
        while busy and not self.stopping.is_set():
            steps = {loop.name: loop.step() for loop in self.loops}
            busy = any(steps.values())
            done = {name: count + steps[name] for name, count in done.items()}
        return done

    def _keep_on(self, loop: TriggerLoop) -> None:
        failing = False
        while not self.stopping.is_set():
            try:
                busy = loop.step()
            except Exception as error:  # noqa: BLE001 - whatever it was, the step after this one must come
                if not failing:
                    code = error.code if isinstance(error, PipelineError) else type(error).__name__
                    _log.error("triggers are held up", loop=loop.name, code=code)
                failing = True
                self.stopping.wait(_TROUBLE_SECONDS)
                continue
            if failing:
                _log.info("triggers go on", loop=loop.name)
            failing = False
            if not busy and loop.pause:
                self.stopping.wait(loop.pause)


class SubmitObject:
    """The `TakeIn` port over the use case that takes in every file."""

    def __init__(self, submit: SubmitDocument) -> None:
        self._submit = submit

    def __call__(self, arrival: ObjectArrival, chunks: Iterable[bytes]) -> DocumentId:
        """Raises as `Reception` does."""
        said = Arrival(
            client_id=arrival.client_id,
            name=arrival.name,
            priority=arrival.priority,
            actor=arrival.actor,
            kind=arrival.kind,
            idempotency=arrival.idempotency,
        )
        with self._submit.receiving(said) as reception:
            for chunk in chunks:
                reception.write(chunk)
            return reception.finish().document_id


@contextmanager
def triggers(pipeline: Application, observer: TriggerObserver, stopping: Event) -> Iterator[Triggers]:
    """The triggers of an open pipeline. Raises ConfigurationError where the settings name nothing to do."""
    settings = pipeline.settings.triggers
    if not settings.rules:
        raise ConfigurationError("triggers.rules is empty: no object would become a document")
    with ExitStack() as stack:
        rules = _rules(settings)
        buckets = _buckets(pipeline, stack)
        has_room = Room(
            pipeline.lane_depths,
            [Priority.parse(rule.priority) for rule in settings.rules],
            settings.max_lane_depth,
        )
        take = TakeObject(
            pipeline.records,
            pipeline.vault,
            buckets,
            SubmitObject(pipeline.submit),
            rules,
            pipeline.clock,
            TakeLimits(pipeline.settings.intake.max_file_bytes, output=settings.output.wanted),
        )
        held = held_events(pipeline)
        handle = HandleLetter(take, observer, max_attempts=settings.max_attempts)
        inbox = Inbox(pipeline.records, held, pipeline.clock, stopping.wait, lease=_INBOX_LEASE)
        pump_rules = PumpRules(settings.at_once, settings.wait_seconds, keep_every=keep_every(settings))
        loops = [
            TriggerLoop(
                source.name, Pump(source, handle, held, has_room, pipeline.clock, stopping, pump_rules), pause=0.0
            )
            for source in (*_queues(pipeline, stack), inbox)
        ]
        if settings.lister.enabled:
            lister = ListPlaces(
                pipeline.records,
                pipeline.vault,
                buckets,
                take,
                rules,
                observer,
                has_room,
                pipeline.clock,
                RandomIds(),
                stopping,
                ListRules(
                    interval=timedelta(minutes=settings.lister.interval_minutes),
                    grace=timedelta(seconds=settings.lister.grace_seconds),
                    per_second=settings.lister.objects_per_second,
                    at_once=settings.at_once,
                ),
            )
            loops.append(TriggerLoop("lister", lister, pause=_LOOK_SECONDS))
        if settings.output.wanted:
            output = WriteResults(
                pipeline.records,
                pipeline.vault,
                buckets,
                ReadResultFiles(pipeline.records, pipeline.read, pipeline.store, pipeline.vault, settings.output.forms),
                pipeline.clock,
                stopping,
                OutputRules(_output_place(settings), tag=settings.output.tag),
            )
            loops.append(TriggerLoop("output", output, pause=settings.output.interval_seconds))
        yield Triggers(tuple(loops), stopping)


def keep_every(settings: TriggerSettings) -> float:
    """Seconds after which messages in hand are kept: well before any source shows them to others."""
    hidden = [source.visibility_seconds for source in settings.sources if isinstance(source, SqsSource)]
    return min([_KEEP_SECONDS, *(seconds / 3 for seconds in hidden)])


def _rules(settings: TriggerSettings) -> Rules:
    wanted = [
        Rule(
            bucket=rule.bucket,
            client_id=ClientId(rule.client),
            prefix=rule.prefix,
            suffixes=rule.suffixes,
            kind=DocumentKind(rule.type),
            priority=Priority.parse(rule.priority),
        )
        for rule in settings.rules
    ]
    place = _output_place(settings)
    # Also where no results are written any more: those of before still lie there.
    return Rules(wanted, place if place.bucket or place.prefix else None)


def _output_place(settings: TriggerSettings) -> Place:
    return Place(settings.output.bucket or "", settings.output.prefix)


def _buckets(pipeline: Application, stack: ExitStack) -> S3Buckets:
    settings = pipeline.settings.triggers
    own = settings.buckets
    endpoint = adapters.s3_endpoint(pipeline.settings)
    if own is not None:
        endpoint = S3Endpoint(
            endpoint_url=own.endpoint_url,
            region=own.region,
            access_key=_plain(own.access_key),
            secret_key=_plain(own.secret_key),
            path_style=own.endpoint_url is not None,
            connections=2 * settings.at_once + _CONNECTIONS_BESIDE,
        )
    buckets = S3Buckets(endpoint.client(), encryption=settings.output.encryption, kms_key=settings.output.kms_key_id)
    stack.callback(buckets.close)
    return buckets


def _queues(pipeline: Application, stack: ExitStack) -> list[EventSource]:
    opened: list[EventSource] = []
    for source in pipeline.settings.triggers.sources:
        match source:
            case SqsSource():
                opened.append(_sqs(source))
            case AmqpSource():
                opened.append(_amqp(source, pipeline))
            case WebhookSource():
                continue  # the gateway receives those; the inbox has them
        stack.callback(opened[-1].close)
    return opened


def _sqs(source: SqsSource) -> EventSource:
    from ocr_pipeline.adapters.events.sqs import SqsEndpoint, SqsEvents

    endpoint = SqsEndpoint(
        endpoint_url=source.endpoint_url,
        region=source.region,
        access_key=_plain(source.access_key),
        secret_key=_plain(source.secret_key),
    )
    return SqsEvents(source.name, endpoint.client(), source.queue_url, hidden=source.visibility_seconds)


def _amqp(source: AmqpSource, pipeline: Application) -> EventSource:
    from ocr_pipeline.adapters.events.amqp import AmqpEvents, AmqpQueue

    url = source.url or pipeline.settings.broker.url
    if url is None:
        raise ConfigurationError("a source of kind amqp needs its url, or broker.url")
    queue = AmqpQueue(source.queue, source.exchange, source.routing_key)
    return AmqpEvents(source.name, url.get_secret_value(), queue, at_once=pipeline.settings.triggers.at_once)


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
