"""Key rotation: every data key there is gets wrapped anew under the current key; what is sealed stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from ocr_pipeline.domain.audit import AuditEntry, AuditKind
from ocr_pipeline.domain.errors import Conflict, DecryptionFailed, KeyMissing
from ocr_pipeline.domain.sealing import KeyOwner, KeyOwnerKind, WrappedKey
from ocr_pipeline.ports.clock import Clock
from ocr_pipeline.ports.data_keys import KeyTally
from ocr_pipeline.ports.records import Records
from ocr_pipeline.ports.vault import KeyProvider, Vault


@dataclass(frozen=True, slots=True)
class KeysInUse:
    """The key that wraps from now on, and what each key wraps."""

    current: str
    tallies: tuple[KeyTally, ...]

    def wrapped_by(self, key_id: str) -> int:
        """How many data keys this key wraps."""
        return sum(tally.count for tally in self.tallies if tally.key_id == key_id)

    @property
    def left(self) -> int:
        """How many data keys another than the current key wraps."""
        return sum(tally.count for tally in self.tallies if tally.key_id != self.current)


@dataclass(frozen=True, slots=True)
class RewrapStep:
    """One owner that was found.

    `rewrapped` is False where nothing was to do any more (current by now, or gone), and where its data key does not
    open: `fault` says why, and its key stays as it is.
    """

    owner: KeyOwner
    rewrapped: bool
    fault: KeyMissing | DecryptionFailed | None = None


class RewrapKeys:
    """Walks over all owners of data keys. What was done is found done, so it may be stopped and started again."""

    def __init__(self, records: Records, vault: Vault, keys: KeyProvider, clock: Clock, batch: int = 500) -> None:
        self._records = records
        self._vault = vault
        self._keys = keys
        self._clock = clock
        self._batch = batch

    def __call__(self, *, actor: str) -> Iterator[RewrapStep]:
        """Rewrap, one transaction an owner, telling each step; what does not open does not keep the rest from its turn.

        Raises DatabaseUnavailable, KeyUnavailable.
        """
        for kind in KeyOwnerKind:
            for owner in self._stale(kind):
                yield self._step(owner, actor)

    def in_use(self) -> KeysInUse:
        """What each key wraps now. Raises DatabaseUnavailable, KeyUnavailable."""
        with self._records() as uow:
            return KeysInUse(self._keys.current_key_id, tuple(uow.data_keys.tally()))

    def check_unused(self, key_id: str) -> None:
        """Raises Conflict where the key is the current one, or anything is wrapped under it still."""
        in_use = self.in_use()
        if key_id == in_use.current:
            raise Conflict("that is the current key: rotate first")
        if wrapped := in_use.wrapped_by(key_id):
            raise Conflict(f"that key still wraps {wrapped} data keys: rewrap them first")

    def _stale(self, kind: KeyOwnerKind) -> Iterator[KeyOwner]:
        after: UUID | None = None
        while True:
            with self._records() as uow:
                owners = uow.data_keys.wrapped_otherwise(
                    kind, self._keys.current_key_id, after=after, limit=self._batch
                )
            yield from owners
            if len(owners) < self._batch:
                return
            after = owners[-1].id

    def _step(self, owner: KeyOwner, actor: str) -> RewrapStep:
        try:
            return RewrapStep(owner, self._rewrap(owner, actor))
        except (KeyMissing, DecryptionFailed) as error:
            return RewrapStep(owner, rewrapped=False, fault=error)

    def _rewrap(self, owner: KeyOwner, actor: str) -> bool:
        with self._records() as uow:
            key = uow.data_keys.lock(owner)
            if key is None or self._vault.is_current(key):
                return False
            rewrapped = self._vault.rewrap(key, owner.bound_to)
            uow.data_keys.save(owner, rewrapped)
            if owner.kind is KeyOwnerKind.DOCUMENT:
                uow.audit.append(self._entry(owner, actor, key, rewrapped))
            uow.commit()
        return True

    def _entry(self, owner: KeyOwner, actor: str, before: WrappedKey, after: WrappedKey) -> AuditEntry:
        details = (("from", before.key_id), ("to", after.key_id))
        return AuditEntry(owner.bound_to, AuditKind.KEY_REWRAPPED, self._clock.now(), actor, details=details)
