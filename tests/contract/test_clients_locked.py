"""Changes to one client take turns: none undoes another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

from ocr_pipeline.adapters.clock import SystemClock
from ocr_pipeline.adapters.keys.data_key_cache import DataKeyCache
from ocr_pipeline.adapters.keys.memory import MemoryKeyProvider
from ocr_pipeline.adapters.keys.vault import AesGcmVault
from ocr_pipeline.domain.ids import ClientId, KeyId
from ocr_pipeline.operations.access import Changes, ManageClients, ManageKeys
from ocr_pipeline.ports.records import Records

WARD = ClientId("ward")


def test_a_revoked_key_stays_revoked_while_others_are_rotated(records: Records) -> None:
    vault = AesGcmVault(MemoryKeyProvider(), DataKeyCache(1, 1.0))
    keys = ManageKeys(records, vault, SystemClock())
    ManageClients(records, SystemClock()).create(WARD, Changes())
    for _ in range(10):
        issued = keys.create(WARD)
        together = Barrier(2)

        def revoke(barrier: Barrier = together, key_id: KeyId = issued.key.id) -> None:
            barrier.wait()
            keys.revoke(key_id)

        def rotate(barrier: Barrier = together) -> None:
            barrier.wait()
            keys.rotate(WARD, overlap=timedelta(0))

        with ThreadPoolExecutor(2) as threads:
            for done in [threads.submit(revoke), threads.submit(rotate)]:
                done.result()
        assert next(key for key in keys.of(WARD) if key.id == issued.key.id).revoked_at is not None


def test_a_held_client_is_read_as_the_holder_before_left_it(records: Records) -> None:
    clients = ManageClients(records, SystemClock())
    clients.create(WARD, Changes())
    with ThreadPoolExecutor(8) as threads:
        changes = [Changes(burst=number + 1) for number in range(8)]
        list(threads.map(lambda change: clients.change(WARD, change), changes))
        list(threads.map(lambda _: clients.disable(WARD), range(2)))
    (client,) = clients.all()
    assert client.disabled_at is not None
