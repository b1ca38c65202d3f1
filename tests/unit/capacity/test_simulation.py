"""The simulation against queues that have a closed form, and what the plan concludes from it."""

from __future__ import annotations

import pytest

from ocr_pipeline.capacity.load import PROFILES, USUAL_MIX, DocumentProfile, Load, Mix, ResponseTarget
from ocr_pipeline.capacity.plan import Machine, Planner
from ocr_pipeline.capacity.simulation import Span, simulate
from ocr_pipeline.capacity.theory import ErlangQueue
from ocr_pipeline.domain.documents import DocumentKind
from ocr_pipeline.domain.priorities import Priority

SINGLE_PAGES = Mix.of([(PROFILES[DocumentKind.OTHER], 1)])


@pytest.mark.parametrize(
    ("rate", "slots", "seconds"), [(0.5, 1, 60_000), (4.8, 8, 6_000), (24.0, 32, 1_200), (88.0, 104, 350)]
)
def test_it_agrees_with_erlang_within_three_percent(rate: float, slots: int, seconds: float) -> None:
    simulated = simulate(Load(rate, 1.0, SINGLE_PAGES, variation=1.0), slots, Span(seconds, 100.0, seed=1))
    theory = ErlangQueue(rate, 1.0, slots)
    (responses,) = simulated.responses
    assert responses.mean == pytest.approx(theory.mean_response, rel=0.03)
    for share, seen in ((0.50, responses.p50), (0.95, responses.p95), (0.99, responses.p99)):
        assert seen == pytest.approx(theory.response_quantile(share), rel=0.03)
    assert simulated.busy == pytest.approx(rate / slots, rel=0.03)


def test_the_mean_wait_of_one_server_agrees_with_theory() -> None:
    simulated = simulate(Load(0.5, 1.0, SINGLE_PAGES, variation=1.0), 1, Span(100_000, 100.0, seed=1))
    assert simulated.mean_wait == pytest.approx(ErlangQueue(0.5, 1.0, 1).mean_wait, rel=0.03)


def test_constant_service_halves_the_wait() -> None:
    """Pollaczek and Khinchine: the wait of M/D/1 is half that of M/M/1."""
    simulated = simulate(Load(0.5, 1.0, SINGLE_PAGES, variation=0.0), 1, Span(100_000, 100.0, seed=2))
    assert simulated.mean_wait == pytest.approx(ErlangQueue(0.5, 1.0, 1).mean_wait / 2, rel=0.03)


def test_theory_by_hand() -> None:
    single = ErlangQueue(0.5, 1.0, 1)
    assert single.waiting_share == pytest.approx(0.5)
    assert single.mean_wait == pytest.approx(1.0)
    assert single.response_quantile(0.5) == pytest.approx(1.3863, rel=1e-3)
    assert ErlangQueue(2.0, 1.0, 3).waiting_share == pytest.approx(4 / 9)
    # c - 1 erlangs: the general formula would divide by zero.
    assert ErlangQueue(1.0, 1.0, 2).response_quantile(0.5) == pytest.approx(
        ErlangQueue(1.000001, 1.0, 2).response_quantile(0.5), rel=1e-3
    )


@pytest.mark.parametrize(("rate", "slots"), [(1.0, 1), (2.0, 1), (0.0, 1), (1.0, 0)])
def test_a_queue_without_a_steady_state_is_refused(rate: float, slots: int) -> None:
    with pytest.raises(ValueError, match="below what the slots can do"):
        ErlangQueue(rate, 1.0, slots)


def test_urgent_pages_do_not_wait_behind_bulk() -> None:
    mix = Mix.of([(PROFILES[DocumentKind.PRESCRIPTION], 1), (PROFILES[DocumentKind.CHART], 1)])
    simulated = simulate(Load(7.6, 1.0, mix), 8, Span(600, 100.0))
    times = {each.profile.kind: each.p95 for each in simulated.responses}
    assert times[DocumentKind.PRESCRIPTION] < 3
    assert times[DocumentKind.CHART] > 10


def test_the_same_seed_gives_the_same_figures() -> None:
    load = Load(5.0, 1.0)
    assert simulate(load, 8, Span(200, 10, seed=3)) == simulate(load, 8, Span(200, 10, seed=3))
    assert simulate(load, 8, Span(200, 10, seed=3)) != simulate(load, 8, Span(200, 10, seed=4))


def test_the_plan_of_the_worked_example() -> None:
    plan = Planner(Load(50, 2.0), Machine(8, 2.0), Span(60))()
    assert plan.horizontal.instances == 13
    assert plan.horizontal.busy == pytest.approx(100 / 104)
    assert plan.horizontal.price_per_thousand_pages == pytest.approx(26 / 180)
    assert plan.vertical.instances == 7
    # A page alone takes 2 s, and half the prescriptions should be done within 1 s.
    assert plan.enough is None
    assert plan.longest_service_time is not None
    assert 0.5 < plan.longest_service_time < 1.2


def test_the_fewest_instances_keep_the_objectives_and_one_less_does_not() -> None:
    load, machine, span = Load(40, 0.4), Machine(4), Span(60)
    enough = Planner(load, machine, span)().enough
    assert enough is not None
    assert simulate(load, enough * 4, span).holds
    assert not simulate(load, (enough - 1) * 4, span).holds
    assert Planner(load, machine, span)(enough + 5).enough == enough


def test_a_mix_is_normalised_and_checked() -> None:
    assert sum(share for _, share in USUAL_MIX.shares) == pytest.approx(1)
    for wrong in ([], [(PROFILES[DocumentKind.CHART], 0.0)], [(PROFILES[DocumentKind.CHART], -1.0)]):
        with pytest.raises(ValueError, match="positive weights"):
            Mix.of(wrong)


def test_a_kind_without_an_objective_neither_holds_nor_breaks_one() -> None:
    simulated = simulate(Load(1, 1.0, SINGLE_PAGES), 4, Span(100))
    assert simulated.responses[0].holds is None
    assert simulated.holds


def test_an_objective_that_is_missed_at_one_quantile_is_missed() -> None:
    strict = DocumentProfile(DocumentKind.OTHER, (1, 1), Priority.URGENT, ResponseTarget(9, 9, 0.01))
    assert not simulate(Load(1, 1.0, Mix.of([(strict, 1)])), 4, Span(100)).holds
