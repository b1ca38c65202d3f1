"""What becomes of a failure on a server: whose fault it is, and whether the page goes on.

- The page's own errors (it does not fit, is refused, is guarded, cannot be decoded) pass through untouched.
- A server that is overloaded rests for as long as it asks, and the page goes elsewhere.
- After any other failure that may be the server's, the same server is probed. Ill: its breaker opens, all pages in its
  hands go to other servers, and no attempt is counted (but see `suspects`). Healthy: the page's own error stands.
- One exception: when a *healthy* server lets go of a page (EngineUnavailable), the page is tried once more, for
  connections do break; the second time it is an EngineError, which counts. Otherwise a page that makes servers fail
  by their own account would come back for ever, as EngineUnavailable counts no attempt.

When a page's time is up, the timeout is held against it only if a live server had it, and had most of its time: what
passed in the waiting line or on servers that fell ill is not the page's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ocr_pipeline.domain.errors import (
    EngineError,
    EngineGarbage,
    EngineOverloaded,
    EngineTimeout,
    EngineUnavailable,
    ReadingGuarded,
)
from ocr_pipeline.recognition.pool.clock import Now
from ocr_pipeline.recognition.pool.fleet import Fleet
from ocr_pipeline.recognition.pool.health import Monitor
from ocr_pipeline.recognition.pool.line import Journey
from ocr_pipeline.recognition.pool.member import Lease, Member
from ocr_pipeline.recognition.pool.observer import PoolObserver
from ocr_pipeline.recognition.pool.suspects import Suspects

_PERHAPS_THE_SERVERS = (EngineUnavailable, EngineTimeout, EngineGarbage)
_OWN_SHARE = 0.5
_MOST_BREAKS = 2


@dataclass(frozen=True, slots=True)
class RestRules:
    """Seconds for which an overloaded server rests: what it says, within bounds, or `unsaid`.

    The shortest keeps a server that says 0 from being asked again at once, and again.
    """

    unsaid: float = 1.0
    shortest: float = 0.25
    longest: float = 30.0

    def seconds(self, said: float | None) -> float:
        """How long to leave a server alone that said this."""
        return min(self.longest, max(self.shortest, self.unsaid if said is None else said))


@dataclass(slots=True)
class Failover:
    """Settles failures. `changed` is called when a server takes fewer pages than before."""

    fleet: Fleet
    monitor: Monitor
    suspects: Suspects
    rest_rules: RestRules
    observer: PoolObserver
    now: Now
    changed: Callable[[], None]

    async def proven(self, lease: Lease, journey: Journey) -> bool:
        """Whether this page may be handed to that server: a suspect needs a sign of life first."""
        if self.suspects.may_go_to(journey.suspicion, lease.member.last_sign):
            return True
        return bool(await self.monitor.verdict(lease.member, journey.deadline))

    def succeeded(self, lease: Lease, journey: Journey) -> None:
        """The page was read through."""
        lease.member.showed_life(self.now())
        self.suspects.acquit(journey.page)
        self._record(lease, failed=False)

    async def settle(self, error: EngineError, lease: Lease, journey: Journey) -> None:
        """Raise what the caller is to hear of a failure; return when the page is to look for another server."""
        if lease.handed is None:
            return
        if not lease.lost:
            if isinstance(error, EngineOverloaded):
                self._rest(lease.member, error)
                return
            if not isinstance(error, _PERHAPS_THE_SERVERS):
                if isinstance(error, ReadingGuarded):
                    self._record(lease, failed=False)
                raise error
        healthy = await self._verdict(lease, journey)
        if healthy is None:
            raise self._too_late(error, lease, journey)
        if healthy:
            self._failed_on_healthy(error, lease, journey)
        elif self._strike(lease, journey):
            raise _blamed() from error
        journey.left.add(lease.member.id)
        self.observer.failed_over(lease.member.id, error.code)

    def overdue(self, lease: Lease, journey: Journey) -> EngineError:
        """What the caller is to hear of a page that was not done in time."""
        timeout = EngineTimeout("the page was not done before its deadline")
        error = self._too_late(timeout, lease, journey)
        if error is timeout:
            self.observer.page_failed(lease.member.id, error.code)
            self._record(lease, failed=True)
        return error

    def _too_late(self, error: EngineError, lease: Lease, journey: Journey) -> EngineError:
        """What to say of an error when there is no time left for a verdict."""
        if lease.handed is None or lease.handed - journey.started > _OWN_SHARE * (journey.deadline - journey.started):
            if journey.left:
                return EngineUnavailable("the page's time passed on servers that failed")
            return EngineOverloaded("the page's time passed while it waited for a server")
        if not self.monitor.is_silent(lease.member):
            return error
        # A server that has been silent for so long is mostly ill.
        if self._strike(lease, journey):
            return _blamed()
        return EngineUnavailable("the server fell silent, and the page's time was up before it was found healthy")

    async def _verdict(self, lease: Lease, journey: Journey) -> bool | None:
        member = lease.member
        if lease.lost or not member.breaker.is_closed:
            return False
        member.doubt()
        return await self.monitor.verdict(member, journey.deadline)

    def _failed_on_healthy(self, error: EngineError, lease: Lease, journey: Journey) -> None:
        self.observer.page_failed(lease.member.id, error.code)
        self._record(lease, failed=True)
        if not isinstance(error, EngineUnavailable):
            raise error
        journey.broken_off += 1
        if journey.broken_off >= _MOST_BREAKS:
            raise EngineError("healthy servers broke off on this page again and again") from error

    def _strike(self, lease: Lease, journey: Journey) -> bool:
        self.fleet.outliers.forget(lease.member.id)
        blamed = self.suspects.strike(journey.page, journey.suspicion, wrote=lease.tokens > 0)
        if blamed:
            self.observer.page_blamed(lease.member.id)
        return blamed

    def _rest(self, member: Member, error: EngineOverloaded) -> None:
        seconds = self.rest_rules.seconds(error.retry_after)
        member.resting_until = max(member.resting_until, self.now() + seconds)
        self.observer.resting(member.id, seconds)
        self.changed()

    def _record(self, lease: Lease, *, failed: bool) -> None:
        outliers = self.fleet.outliers
        outliers.record(lease.member.id, lease.outcome(failed=failed))
        ready = [member.id for member in self.fleet.ready()]
        ejection = outliers.judge(self.fleet.members.keys(), ready)
        if ejection is not None:
            self.observer.ejected(ejection.server, ejection.reason, ejection.seconds)


def _blamed() -> EngineError:
    return EngineError("live servers fell ill one after the other with this page in hand")
