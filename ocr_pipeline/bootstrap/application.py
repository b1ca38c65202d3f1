"""Everything a person at a command line (or a service acting for one) can do, wired and ready."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count

from ocr_pipeline.adapters.clock import RandomIds, SystemClock
from ocr_pipeline.adapters.engines.deferred import DeferredEngine
from ocr_pipeline.adapters.files.inputs import local_inputs
from ocr_pipeline.adapters.keys.local_file import LocalFileKeyProvider
from ocr_pipeline.adapters.postgres.records import PostgresRecords
from ocr_pipeline.adapters.queues.journal import HandJournal
from ocr_pipeline.adapters.queues.local import LocalStages
from ocr_pipeline.adapters.queues.standby import StandbyQueue
from ocr_pipeline.bootstrap import adapters, engines, stages
from ocr_pipeline.bootstrap.embedded import EmbeddedWorkers
from ocr_pipeline.domain.errors import ConfigurationError, InputMissing
from ocr_pipeline.flow.dispatch import Dispatcher
from ocr_pipeline.intake.submit import SubmitDocument, UploadLimits
from ocr_pipeline.operations.cancel import CancelDocument
from ocr_pipeline.operations.erase import EraseDocument
from ocr_pipeline.operations.erase_again import EraseAgain
from ocr_pipeline.operations.erasure_notes import ErasureNotes
from ocr_pipeline.operations.orphans import DropOrphans, OrphanRules
from ocr_pipeline.operations.reconcile import Reconcile, Reconciled
from ocr_pipeline.operations.rewrap import RewrapKeys
from ocr_pipeline.operations.run import FollowRun, RunRules, Submit
from ocr_pipeline.operations.verify import VerifyAudit
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.engine import Engine
from ocr_pipeline.ports.inputs import InputFile
from ocr_pipeline.ports.objects import ObjectStore
from ocr_pipeline.ports.vault import KeyProvider, Vault
from ocr_pipeline.results.read import ReadDocument
from ocr_pipeline.review.desk import ReviewDesk
from ocr_pipeline.settings import Settings

_EMBEDDED_SWEEP_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Application:
    """The use cases over one set of adapters, open for as long as `application` is."""

    settings: Settings
    records: PostgresRecords
    store: ObjectStore
    vault: Vault
    keys: KeyProvider
    clock: Clock
    dispatcher: Dispatcher
    lane_depths: Callable[[], dict[str, int]]
    check_engine: Callable[[], None]
    standby: StandbyQueue | None
    submit: SubmitDocument
    read: ReadDocument
    desk: ReviewDesk
    cancel: CancelDocument
    erase: EraseDocument
    erase_again: EraseAgain
    rewrap: RewrapKeys
    verify: VerifyAudit
    reconcile: Reconcile
    drop_orphans: DropOrphans

    @property
    def threshold(self) -> float:
        """The confidence below which a page goes to a person."""
        return self.settings.min_confidence_threshold

    def inputs(self, name: str) -> Iterator[InputFile]:
        """The files that a path, pattern or s3:// address names. Raises InputMissing, StoreUnavailable."""
        if name.startswith("s3://"):
            yield from self._s3_inputs(name)
        else:
            yield from local_inputs(name)

    def fetch(self, address: str) -> bytes:
        """The object at an s3:// address. Raises InputMissing, Refused (too_large), StoreUnavailable, Conflict."""
        from ocr_pipeline.adapters.objects.s3_source import S3Source, parse_address

        bucket, key = parse_address(address)
        with closing(S3Source(adapters.s3_endpoint(self.settings).client(), bucket, key)) as source:
            found = next(source.list(), None)
            if found is None or found.key != key:
                raise InputMissing("there is no object at that S3 address")
            return source.fetch(found, self.settings.intake.max_file_bytes)

    def follow(self, submit: Submit, wait: Callable[[float], None]) -> FollowRun:
        """A bulk run that takes files in by `submit` and passes time by `wait`."""
        return FollowRun(self.records, submit, wait, SystemClock(), RunRules())

    @contextmanager
    def workers(self) -> Iterator[Callable[[float], None]]:
        """Work goes on in here: by this process when embedded, by the broker's workers otherwise.

        Gives a function that passes so many seconds. Raises EngineUnavailable when the recogniser cannot work.
        """
        if self.standby is None:
            yield time.sleep
            return
        with ExitStack() as stack:
            engine = DeferredEngine(lambda: engines.engine(self.settings, stack))
            workers = EmbeddedWorkers(
                self.settings.home / "worker.lock",
                self.standby,
                lambda: self._local_stages(engine, stack),
                engine.raise_failure,
                threads=self.settings.slots,
                sweep_seconds=_EMBEDDED_SWEEP_SECONDS,
                shutdown_seconds=self.settings.worker.shutdown_seconds,
            )
            yield stack.enter_context(workers).wait

    def rotate_key(self) -> str:
        """Make a new wrapping key; returns its id. Raises ConfigurationError where the provider rotates by itself."""
        return self._key_file("this key provider rotates its keys itself; use --rewrap-only after that").rotate()

    def destroy_key(self, key_id: str) -> None:
        """Take an older wrapping key away for good.

        Raises Conflict while it is the current one or wraps anything, ConfigurationError for a key that is not in the
        key file or where another provider keeps the keys.
        """
        keys = self._key_file("keys are destroyed where they are kept: `keys list` tells whether this one is in use")
        self.rewrap.check_unused(key_id)
        keys.destroy(key_id)

    def _key_file(self, otherwise: str) -> LocalFileKeyProvider:
        if not isinstance(self.keys, LocalFileKeyProvider):
            raise ConfigurationError(otherwise)
        return self.keys

    def _s3_inputs(self, address: str) -> Iterator[InputFile]:
        from ocr_pipeline.adapters.objects.s3_source import S3Source, parse_address

        bucket, prefix = parse_address(address)
        source = S3Source(adapters.s3_endpoint(self.settings).client(), bucket, prefix)
        most = self.settings.intake.max_file_bytes
        empty = True
        for found in source.list():
            empty = False
            label = found.key.removeprefix(prefix).lstrip("/") or found.key.rpartition("/")[2]
            yield InputFile(label, found.size, partial(source.fetch, found, most))
        if empty:
            raise InputMissing("there is no file under that S3 address")

    def _local_stages(self, engine: Engine, stack: ExitStack) -> LocalStages:
        """The stages for this process to drive. Called before any work is sent to it."""
        journal = HandJournal(self.settings.home / "in-hand")
        apply = stages.apply_report(self.settings, self.records, self.dispatcher)
        for suspicion in journal.left_over():
            apply(suspicion)
        sweeps = count()

        def sweep() -> Reconciled:
            # The queue of the process before this one is gone with it, so the first sweep takes everything.
            return self.reconcile(lost_broker=next(sweeps) == 0)

        return LocalStages(
            admit=stages.admit_document(self.settings, self.records, self.store, self.vault, self.dispatcher, stack),
            recognise=journal.around(stages.recognise_page(self.settings, self.store, self.vault, engine)),
            apply=apply,
            sweep=sweep,
            check_engine=engine.check,
        )


@contextmanager
def application(settings: Settings, *, check: bool = True) -> Iterator[Application]:
    """Build everything from settings, and close it at the end.

    Raises what an adapter raises that cannot work; with `check` also DatabaseUnavailable for another schema.
    """
    with ExitStack() as stack:
        records = adapters.records(settings, adapters.database_url(settings, stack), stack)
        if check:
            records.check()
        standby = StandbyQueue() if settings.embedded else None
        queue = standby or adapters.broker_queue(settings, stack)
        dispatcher = Dispatcher(queue, records)
        store = adapters.object_store(settings, stack)
        keys = adapters.key_provider(settings, stack)
        vault = adapters.vault(settings, keys)
        clock = SystemClock()
        notes = ErasureNotes(store, vault)
        erase = EraseDocument(records, store, notes, clock)
        limits = UploadLimits(settings.intake.max_file_bytes, settings.media_types)
        yield Application(
            settings=settings,
            records=records,
            store=store,
            vault=vault,
            keys=keys,
            clock=clock,
            dispatcher=dispatcher,
            lane_depths=queue.depths,
            check_engine=queue.check_recognition,
            standby=standby,
            submit=SubmitDocument(records, store, vault, dispatcher, clock, RandomIds(), limits),
            read=ReadDocument(records, vault, clock),
            desk=ReviewDesk(records, store, vault, clock, stages.lease(settings)),
            cancel=CancelDocument(records, clock),
            erase=erase,
            erase_again=EraseAgain(records, notes, erase),
            rewrap=RewrapKeys(records, vault, keys, clock),
            verify=VerifyAudit(records),
            reconcile=stages.reconcile(settings, records, dispatcher),
            drop_orphans=DropOrphans(records, store, clock, OrphanRules()),
        )
