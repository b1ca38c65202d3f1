"""The page of the API in a real browser, which must need nothing that the gateway itself does not have."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Route, expect

from tests.gateway_fixtures import Gateway

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(1200)]

PLACE = "http://gateway.test"


def test_every_operation_is_shown_in_a_network_without_a_way_out(
    gateway: Gateway, context: BrowserContext, pictures: Path
) -> None:
    complaints: list[str] = []

    def answer(route: Route) -> None:
        address = route.request.url
        if not address.startswith(PLACE):
            complaints.append(f"asked for {address}")
            route.abort()
            return
        with gateway.anybody() as client:
            found = client.get(address.removeprefix(PLACE))
        route.fulfill(status=found.status_code, headers=dict(found.headers), body=found.content)

    with gateway.anybody() as client:
        described = client.get("/openapi.json").json()
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    context.route("**/*", answer)
    page.goto(f"{PLACE}/docs")
    expect(page.locator(".opblock")).to_have_count(sum(len(place) for place in described["paths"].values()))
    page.locator(".opblock-summary-post").first.click()
    expect(page.locator(".opblock-body").first).to_be_visible()
    page.screenshot(path=pictures / "api.png")
    assert complaints == []
