"""Where a server stands, as seen from outside."""

from __future__ import annotations

from ocr_pipeline.adapters.engines.serve.metrics import registry_of
from ocr_pipeline.adapters.engines.serve.status import Fault, ServeState, Status


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_good_reading_makes_ready_for_as_long_as_it_is_fresh() -> None:
    clock = Clock()
    status = Status(fresh=60.0, clock=clock)
    assert (status.ready, status.state) == (False, ServeState.STARTING)
    status.read_well(0.5)
    assert (status.ready, status.state) == (True, ServeState.READY)
    clock.now += 60.0
    assert status.ready
    clock.now += 0.1
    assert (status.ready, status.state) == (False, ServeState.READING)
    assert status.live


def test_a_new_start_forgets_the_reading_of_the_old_server() -> None:
    status = Status(fresh=60.0, clock=Clock())
    status.read_well(0.5)
    status.enter(ServeState.RESTARTING)
    status.enter(ServeState.STARTING)
    assert status.seconds_since_reading is None
    assert not status.ready


def test_who_drains_becomes_ready_no_more() -> None:
    status = Status(fresh=60.0, clock=Clock())
    status.enter(ServeState.DRAINING)
    status.read_well(0.5)
    assert (status.ready, status.state) == (False, ServeState.DRAINING)
    status.enter(ServeState.FAILED)
    assert not status.live


def test_figures() -> None:
    clock = Clock()
    status = Status(fresh=60.0, clock=clock)
    registry = registry_of(status, lambda: 7)
    assert registry.get_sample_value("ocr_model_server_ready") == 0.0
    assert registry.get_sample_value("ocr_model_server_reading_seconds") is None
    status.read_well(0.5)
    status.faults[Fault.HUNG] += 2
    clock.now += 3.0
    assert registry.get_sample_value("ocr_model_server_ready") == 1.0
    assert registry.get_sample_value("ocr_model_server_state", {"state": "ready"}) == 1.0
    assert registry.get_sample_value("ocr_model_server_state", {"state": "starting"}) == 0.0
    assert registry.get_sample_value("ocr_model_server_faults_total", {"fault": "hung"}) == 2.0
    assert registry.get_sample_value("ocr_model_server_faults_total", {"fault": "exited"}) == 0.0
    assert registry.get_sample_value("ocr_model_server_reading_seconds") == 0.5
    assert registry.get_sample_value("ocr_model_server_reading_age_seconds") == 3.0
    assert registry.get_sample_value("ocr_model_server_withheld_lines_total") == 7.0
