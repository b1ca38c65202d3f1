"""The listing: the truth that events only hint at. It finds what they missed, and takes it in the same way.

A pass walks a prefix page by page and can be taken up by any process where another left off. What is known is passed
over by the fingerprint of its entity tag, so a pass over an unchanged prefix asks for nothing but its listing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from threading import Event

from ocr_pipeline.domain.errors import Conflict, ObjectMissing, PipelineError, StoreFull, Unavailable
from ocr_pipeline.domain.ids import ClientId, DocumentId
from ocr_pipeline.domain.sealing import Place as SealedPlace
from ocr_pipeline.domain.sealing import Purpose
from ocr_pipeline.domain.triggers import Listing
from ocr_pipeline.ports.buckets import Buckets, ObjectFacts
from ocr_pipeline.ports.clock import Clock, Ids
from ocr_pipeline.ports.records import Records
from ocr_pipeline.ports.vault import Vault
from ocr_pipeline.triggers.events import Change, ObjectEvent
from ocr_pipeline.triggers.handle import TriggerObserver
from ocr_pipeline.triggers.identity import Fingerprints
from ocr_pipeline.triggers.rules import Place, Rules
from ocr_pipeline.triggers.take import Outcome, TakeObject

SOURCE = "lister"
"""What the listing is called where sources are named."""

_LEASE = timedelta(seconds=60)
"""How long a place stays in the hands of a process that says nothing more: it may have died."""

_NO_ROOM_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class ListRules:
    """Time between two passes, age below which an object is left to its event, objects a second, and at once."""

    interval: timedelta
    grace: timedelta
    per_second: float = 500.0
    at_once: int = 8
    page: int = 1000


class ListPlaces:
    """Walks through every place that is due. Safe to run from several processes: each place is in one's hands."""

    def __init__(
        self,
        records: Records,
        vault: Vault,
        buckets: Buckets,
        take: TakeObject,
        wanted: Rules,
        observer: TriggerObserver,
        has_room: Callable[[], bool],
        clock: Clock,
        ids: Ids,
        stopping: Event,
        rules: ListRules,
    ) -> None:
        self._records = records
        self._vault = vault
        self._fingerprints = Fingerprints(vault)
        self._buckets = buckets
        self._take = take
        self._wanted = wanted
        self._observer = observer
        self._has_room = has_room
        self._clock = clock
        self._ids = ids
        self._stopping = stopping
        self._rules = rules
        self._ensured: set[Place] = set()

    def __call__(self) -> int:
        """Take in what is new; returns how many objects were taken.

        Raises what bucket, store, vault and database raise, once every place had its turn: the pass over the place
        that it befell goes on from its last page later.
        """
        taken = 0
        failure: PipelineError | None = None
        for place in self._wanted.places():
            if self._stopping.is_set():
                break
            try:
                taken += self._place(place)
            except PipelineError as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return taken

    def _place(self, place: Place) -> int:
        listing = self._claim(place)
        if listing is None:
            return 0
        taken, cursor = 0, self._opened(listing)
        while not self._stopping.is_set():
            began = self._clock.monotonic()
            page = self._buckets.page(place.bucket, place.prefix, cursor, self._rules.page)
            if not page:
                now = self._clock.now()
                self._save(replace(listing, cursor=None, finished_at=now, not_before=now + self._rules.interval))
                return taken
            listing, more = self._page(place, listing, page)
            taken += more
            if self._stopping.is_set():
                break
            cursor = page[-1].key
            listing = self._reached(listing, cursor)
            self._stopping.wait(len(page) / self._rules.per_second - (self._clock.monotonic() - began))
        self._save(replace(listing, not_before=self._clock.now()))
        return taken

    def _page(self, place: Place, listing: Listing, page: Sequence[ObjectFacts]) -> tuple[Listing, int]:
        """Take in what is new on one page, and keep the place in hand meanwhile."""
        events = self._new(place, page)
        taken = 0
        with ThreadPoolExecutor(self._rules.at_once, thread_name_prefix="lister") as pool:
            for start in range(0, len(events), self._rules.at_once):
                while not self._has_room() and not self._stopping.wait(_NO_ROOM_SECONDS):
                    listing = self._kept(listing)
                if self._stopping.is_set():
                    break
                taken += sum(pool.map(self._one, events[start : start + self._rules.at_once]))
                listing = self._kept(listing)
        return listing, taken

    def _kept(self, listing: Listing) -> Listing:
        """The listing with its lease renewed once half of it has passed."""
        now = self._clock.now()
        if now < listing.not_before - _LEASE / 2:
            return listing
        renewed = replace(listing, not_before=now + _LEASE)
        self._save(renewed)
        return renewed

    def _new(self, place: Place, page: Sequence[ObjectFacts]) -> list[ObjectEvent]:
        """What a rule wants, is old enough, and is not known as it is."""
        newest = self._clock.now() - self._rules.grace
        by_client: dict[ClientId, dict[bytes, ObjectFacts]] = {}
        for facts in page:
            rule = self._wanted.match(_event(place, facts))
            if rule is not None and facts.modified_at <= newest:
                address = self._fingerprints.address(rule.client_id, place.bucket, facts.key)
                by_client.setdefault(rule.client_id, {})[address] = facts
        found: list[ObjectEvent] = []
        with self._records() as uow:
            for client_id, objects in by_client.items():
                known = uow.source_objects.etags(client_id, list(objects))
                found += [
                    _event(place, facts)
                    for address, facts in objects.items()
                    if known.get(address) != self._fingerprints.etag(client_id, facts.etag)
                ]
        return found

    def _one(self, event: ObjectEvent) -> bool:
        try:
            outcome = self._take(event, source=SOURCE)
        except (Unavailable, StoreFull):
            raise
        except (ObjectMissing, Conflict):
            return False  # it went or was replaced since it was listed: the next pass sees what is there then
        except Exception as error:  # noqa: BLE001 - a boundary: the objects behind this one must have their turn
            self._observer.failed(SOURCE, error.code if isinstance(error, PipelineError) else type(error).__name__)
            return False
        self._observer.settled(SOURCE, outcome)
        return outcome is Outcome.TAKEN

    def _claim(self, place: Place) -> Listing | None:
        if place not in self._ensured:
            self._ensure(place)
        now = self._clock.now()
        with self._records() as uow:
            claimed = uow.listings.claim(place.bucket, place.prefix, now=now, until=now + _LEASE)
            uow.commit()
        return claimed

    def _ensure(self, place: Place) -> None:
        listing_id = self._ids.new()
        key = self._vault.new_key(DocumentId(listing_id))
        with self._records() as uow:
            uow.listings.ensure(Listing(listing_id, place.bucket, place.prefix, key, not_before=self._clock.now()))
            uow.commit()
        self._ensured.add(place)

    def _opened(self, listing: Listing) -> str | None:
        if listing.cursor is None:
            return None
        return self._vault.open(listing.key, _sealed_place(listing), listing.cursor).decode()

    def _reached(self, listing: Listing, cursor: str) -> Listing:
        sealed = self._vault.seal(listing.key, _sealed_place(listing), cursor.encode())
        reached = replace(listing, cursor=sealed, not_before=self._clock.now() + _LEASE)
        self._save(reached)
        return reached

    def _save(self, listing: Listing) -> None:
        with self._records() as uow:
            uow.listings.save(listing)
            uow.commit()


def _event(place: Place, facts: ObjectFacts) -> ObjectEvent:
    return ObjectEvent(Change.CREATED, place.bucket, facts.key, etag=facts.etag, size=facts.size)


def _sealed_place(listing: Listing) -> SealedPlace:
    """A cursor is bound to the listing's own id as a document is."""
    return SealedPlace(DocumentId(listing.id), Purpose.CURSOR)
