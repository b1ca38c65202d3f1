"""Settings that all tests share."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ("tests.gateway_fixtures", "tests.postgres_fixtures", "tests.services_fixtures")

settings.register_profile("quick", max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """What a command sets up for its own process must not reach the next test: its stream is closed by then."""
    root = logging.getLogger()
    handlers, levels = list(root.handlers), _levels()
    yield
    root.handlers[:] = [handler for handler in root.handlers if handler in handlers]
    for name, level in _levels().items():
        before = levels.get(name, logging.NOTSET)
        if level != before:
            logging.getLogger(name).setLevel(before)


def _levels() -> dict[str, int]:
    loggers = [logging.getLogger(), *logging.root.manager.loggerDict.values()]
    return {each.name: each.level for each in loggers if isinstance(each, logging.Logger)}
