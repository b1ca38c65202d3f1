"""A real Chromium, driven from Python."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.services_fixtures import lacking
from tests.waiting import PATIENCE

PROGRAM = "/usr/bin/chromium"
MILLISECONDS = PATIENCE * 1000
"""How long a page may take. What is expected of one has five seconds where nobody says otherwise."""


# Not for the whole session: while it is open, the main thread has an event loop that other tests would trip over.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The browser, or a reason why the test is skipped."""
    if not Path(PROGRAM).exists():
        lacking("Chromium is not installed: run tools/setup.sh services (Debian package chromium)")
    with sync_playwright() as play:
        expect.set_options(timeout=MILLISECONDS)
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = play.chromium.launch(executable_path=PROGRAM, args=arguments, timeout=MILLISECONDS)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A window of its own, without anything of the tests before."""
    made = chromium.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB", timezone_id="UTC")
    made.set_default_timeout(MILLISECONDS)
    yield made
    made.close()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where screenshots go: OCR_TEST_SCREENSHOTS where it is set, for whoever wants to look at them."""
    folder = Path(os.environ.get("OCR_TEST_SCREENSHOTS") or tmp_path / "screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
