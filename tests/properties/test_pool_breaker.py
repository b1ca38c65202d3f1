"""Whatever happens, a breaker keeps pages from an ill server and lets it come back in time."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ocr_pipeline.recognition.pool.breaker import Breaker, BreakerRules, BreakerState

RULES = st.builds(
    lambda first, growth, more: BreakerRules(first, growth, first + more),
    st.floats(0.01, 5),
    st.floats(1, 10),
    st.floats(0, 30),
)


class BreakerMachine(RuleBasedStateMachine):
    """The model: what state it must be in, how many failures stand in a row, and when the last one came."""

    @initialize(rules=RULES, unproven=st.booleans())
    def begin(self, rules: BreakerRules, unproven: bool) -> None:
        self.by = rules
        self.seconds = 1000.0
        self.breaker = Breaker(rules, lambda: self.seconds, unproven=unproven)
        self.expected = BreakerState.OPEN if unproven else BreakerState.CLOSED
        self.pauses: list[float] = []
        self.failed_at: float | None = None

    @rule(seconds=st.floats(0, 50))
    def time_passes(self, seconds: float) -> None:
        self.seconds += seconds

    @rule()
    def asks_to_probe(self) -> None:
        waited = self.failed_at is None or self.seconds >= self.failed_at + self.pauses[-1]
        may = self.expected is BreakerState.OPEN and waited
        assert self.breaker.half_open() is may
        if may:
            self.expected = BreakerState.HALF_OPEN

    @rule()
    def server_reads(self) -> None:
        self.breaker.succeeded()
        self.expected, self.failed_at, self.pauses = BreakerState.CLOSED, None, []

    @rule()
    def server_fails(self) -> None:
        self.breaker.failed()
        grown = self.pauses[-1] * self.by.growth if self.pauses else self.by.first
        self.pauses.append(min(self.by.longest, grown))
        self.expected, self.failed_at = BreakerState.OPEN, self.seconds

    @rule(times=st.integers(1, 200))
    def server_fails_on_and_on(self, times: int) -> None:
        for _ in range(times):
            self.server_fails()

    @precondition(lambda self: self.expected is BreakerState.OPEN)
    @rule()
    def nothing_keeps_a_server_out_longer_than_the_longest_pause(self) -> None:
        self.seconds += self.by.longest * (1 + 1e-9)
        assert self.breaker.half_open()
        self.expected = BreakerState.HALF_OPEN

    @invariant()
    def it_is_where_the_model_is(self) -> None:
        assert self.breaker.state is self.expected
        assert self.breaker.is_closed is (self.expected is BreakerState.CLOSED)
        if self.failed_at is not None:
            assert abs(self.breaker.due - self.failed_at - self.pauses[-1]) < 1e-6


TestBreaker = BreakerMachine.TestCase
