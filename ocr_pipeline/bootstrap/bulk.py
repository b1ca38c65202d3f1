"""Bulk runs over an open pipeline: the use cases with their sources, the splitter and intake."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ocr_pipeline.adapters.clock import RandomIds, SystemClock
from ocr_pipeline.adapters.documents.limits import OpenerLimits
from ocr_pipeline.adapters.documents.splitter import ChildProcessSplitter
from ocr_pipeline.adapters.files.bulk_folder import FolderList, FolderSource
from ocr_pipeline.adapters.files.bulk_manifest import ManifestList
from ocr_pipeline.bootstrap import adapters
from ocr_pipeline.bootstrap.application import Application
from ocr_pipeline.bootstrap.bulk_outputs import BulkOutputs
from ocr_pipeline.bulk.control import ControlRun
from ocr_pipeline.bulk.create import CreateRun
from ocr_pipeline.bulk.hand_out import HandOut, HandOutRules
from ocr_pipeline.bulk.sealed import About
from ocr_pipeline.bulk.settle import SettleRun
from ocr_pipeline.bulk.step import Stepped, StepRuns
from ocr_pipeline.bulk.take_item import Handed
from ocr_pipeline.domain.documents import DocumentKind
from ocr_pipeline.domain.errors import InputMissing
from ocr_pipeline.domain.ids import DocumentId
from ocr_pipeline.flow.dispatch import Dispatcher
from ocr_pipeline.intake.receive import Arrival
from ocr_pipeline.intake.submit import SubmitDocument, UploadLimits
from ocr_pipeline.ports.bulk import FileList, FileSource, FileSources, Splitter
from ocr_pipeline.ports.records import Records
from ocr_pipeline.ports.vault import Vault
from ocr_pipeline.settings import Settings

_S3 = "s3://"
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class BulkRuns:
    """What can be done with bulk runs."""

    create: CreateRun
    control: ControlRun
    step: StepRuns
    outputs: BulkOutputs
    list_files: Callable[[About, DocumentKind], FileList]


def bulk_runs(app: Application, stack: ExitStack) -> BulkRuns:
    """Bulk runs of an open pipeline. What must be closed is handed to the stack."""
    opened = _Sources(app.settings, stack)
    return BulkRuns(
        create=CreateRun(app.records, app.vault, app.clock, RandomIds()),
        control=ControlRun(app.records, app.clock),
        step=_step(app.settings, app.records, app.vault, app.submit, opened, splitter(app.settings, stack)),
        outputs=BulkOutputs(app),
        list_files=opened.list_files,
    )


@contextmanager
def bulk_stage(settings: Settings) -> Iterator[Callable[[], list[Stepped]]]:
    """A step of all bulk runs, over the settings' database, store, keys and broker, and where the files lie."""
    with ExitStack() as stack:
        records = adapters.records(settings, adapters.database_url(settings, stack), stack)
        records.check()
        dispatcher = Dispatcher(adapters.broker_queue(settings, stack), records)
        store = adapters.object_store(settings, stack)
        vault = adapters.vault(settings, adapters.key_provider(settings, stack))
        limits = UploadLimits(settings.intake.max_file_bytes, settings.media_types)
        submit = SubmitDocument(records, store, vault, dispatcher, SystemClock(), RandomIds(), limits)
        yield _step(settings, records, vault, submit, _Sources(settings, stack), splitter(settings, stack))


def splitter(settings: Settings, stack: ExitStack) -> ChildProcessSplitter:
    """What splits long charts."""
    bulk, intake = settings.bulk, settings.intake
    built = ChildProcessSplitter(
        OpenerLimits(
            max_pages=bulk.max_source_pages,
            max_source_pixels=intake.max_source_pixels,
            max_page_bytes=intake.max_file_bytes,
            # The file, MuPDF's own of it, and a part being written.
            memory_bytes=intake.memory_bytes + 3 * bulk.max_source_bytes,
            document_seconds=bulk.split_seconds,
            page_seconds=bulk.split_seconds,
        ),
        settings.max_pages_per_request,
    )
    stack.callback(built.close)
    return built


def _step(
    settings: Settings,
    records: Records,
    vault: Vault,
    submit: SubmitDocument,
    sources: FileSources,
    split: Splitter,
) -> StepRuns:
    bulk, clock = settings.bulk, SystemClock()

    def take_in(handed: Handed) -> tuple[DocumentId, bool]:
        arrival = Arrival(
            client_id=handed.client_id,
            name=handed.name,
            priority=handed.priority,
            actor=handed.actor,
            kind=handed.kind,
            reference=handed.reference,
            idempotency=handed.idempotency,
        )
        with submit.receiving(arrival) as reception:
            for start in range(0, len(handed.content), _CHUNK):
                reception.write(handed.content[start : start + _CHUNK])
            receipt = reception.finish()
        return receipt.document_id, receipt.duplicate and not receipt.repeated

    rules = HandOutRules(
        lane_target=bulk.lane_target,
        group=bulk.group,
        # Each holds a connection while its document is recorded; one holds the group, one is left to others.
        at_once=max(1, min(bulk.at_once, settings.database.pool_size - 2)),
        step_seconds=bulk.interval_seconds * 2 / 3,
        max_source_bytes=bulk.max_source_bytes,
    )
    hand_out = HandOut(records, vault, sources, split, take_in, clock, rules)
    return StepRuns(records, SettleRun(records, clock), hand_out)


class _Sources:
    """Where files lie: folders of this machine, or prefixes of buckets, for which one client serves all."""

    def __init__(self, settings: Settings, stack: ExitStack) -> None:
        self._settings = settings
        self._stack = stack
        self._opened: dict[str, FileSource] = {}

    def __call__(self, base: str) -> FileSource:
        """The source at a base. Raises InputMissing, ConfigurationError."""
        if base not in self._opened:
            self._opened[base] = self._s3(base) if base.startswith(_S3) else self._folder(base)
        return self._opened[base]

    def list_files(self, about: About, kind: DocumentKind) -> FileList:
        """The list that a run is made from. Raises ConfigurationError."""
        if about.manifest is not None:
            return ManifestList(Path(about.manifest), about.base, kind)
        if not about.base.startswith(_S3):
            return FolderList(Path(about.base), kind)
        from ocr_pipeline.adapters.objects.s3_bulk import S3List
        from ocr_pipeline.adapters.objects.s3_source import parse_address

        client = adapters.s3_endpoint(self._settings).client()
        self._stack.callback(client.close)
        return S3List(client, *parse_address(about.base), kind)

    def _folder(self, base: str) -> FileSource:
        if not Path(base).is_dir():
            raise InputMissing("the folder of the bulk run is not there")
        return FolderSource(Path(base))

    def _s3(self, base: str) -> FileSource:
        from ocr_pipeline.adapters.objects.s3_bulk import S3FileSource
        from ocr_pipeline.adapters.objects.s3_source import parse_address

        client = adapters.s3_endpoint(self._settings).client()
        self._stack.callback(client.close)
        return S3FileSource(client, *parse_address(base))
