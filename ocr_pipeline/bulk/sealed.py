"""What of a run is sealed: where its files lie and what they are called. File, folder and object names are PHI."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from ocr_pipeline.domain.bulk import BulkItem, BulkRun, RunId, run_owner
from ocr_pipeline.domain.errors import KeyMissing
from ocr_pipeline.domain.ids import ClientId
from ocr_pipeline.domain.sealing import Place, Purpose, WrappedKey
from ocr_pipeline.ports.bulk import SourceFile
from ocr_pipeline.ports.vault import Vault


@dataclass(frozen=True, slots=True)
class About:
    """What a run is called, the base its files lie below, and the manifest that names them (None for all of them)."""

    label: str = field(repr=False)
    base: str = field(repr=False)
    manifest: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ItemSource:
    """Where an item's file lies below the base, which version of it, and the client's own reference for it."""

    name: str = field(repr=False)
    version: str | None = field(default=None, repr=False)
    reference: str | None = field(default=None, repr=False)


def seal_about(vault: Vault, key: WrappedKey, run_id: RunId, about: About) -> bytes:
    """Sealed under the run's key."""
    data = {"label": about.label, "base": about.base, "manifest": about.manifest}
    return vault.seal(key, Place(run_owner(run_id), Purpose.BULK_RUN), json.dumps(data).encode())


def open_about(vault: Vault, run: BulkRun) -> About:
    """What `seal_about` sealed. Raises DecryptionFailed, KeyUnavailable."""
    data = json.loads(vault.open(run.key, run.place(Purpose.BULK_RUN), run.about))
    return About(data["label"], data["base"], data["manifest"])


def seal_source(vault: Vault, run: BulkRun, number: int, found: SourceFile) -> bytes:
    """Sealed under the run's key, bound to the item."""
    data = [found.name, found.version, found.reference]
    return vault.seal(run.key, run.place(Purpose.BULK_ITEM, number), json.dumps(data).encode())


def open_source(vault: Vault, run: BulkRun, item: BulkItem) -> ItemSource:
    """What `seal_source` sealed. Raises KeyMissing where the name is gone, DecryptionFailed, KeyUnavailable."""
    if item.source is None:
        raise KeyMissing("the name of this item is not kept any more")
    return ItemSource(*json.loads(vault.open(run.key, run.place(Purpose.BULK_ITEM, item.number), item.source)))


def name_fingerprint(vault: Vault, client_id: ClientId, base: str, name: str) -> bytes:
    """The keyed fingerprint of a file's place: equal for the same file, within one client."""
    return vault.fingerprint(client_id, f"bulk item\n{base}\n{name}".encode("utf-8", "surrogatepass"))
