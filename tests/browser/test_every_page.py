"""Every page of the table, as a person at a desk, in the dark, and with a phone sees it: nothing on the console, nothing
from outside, nothing that axe finds (WCAG 2.1 AA), nothing wider than the window."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from dicom_gateway.web.pages.permissions import PAGES
from tests.browser.browsing import SHAPES, reading
from tests.browser.filling import Filled, fill
from tests.e2e.program import Program

NOT_LOOKED_AT = (  # parts of pages, streams and files: seen with the page that they belong to
    "/live", "/badges", "/today/board", "/orders/patients", "/orders/{id}/timeline", "/deliveries/part", "/devices/list",
    "/health/live", "/audit.csv", "/",
)  # fmt: skip
Fill = Callable[[Filled], str]
PLACES: dict[str, Fill] = {
    "/orders/{id}": lambda found: f"/orders/{found.orders[0]['id']}",
    "/orders/{id}/change": lambda found: f"/orders/{found.orders[1]['id']}/change",
    "/orders/{id}/cancel": lambda found: f"/orders/{found.orders[2]['id']}/cancel",
    "/orders/{id}/why": lambda found: f"/orders/{found.orders[1]['id']}/why?device=DX1",
}


@pytest.fixture(scope="module")
def filled(clinic: Program, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    return fill(clinic, tmp_path_factory.mktemp("images"))
