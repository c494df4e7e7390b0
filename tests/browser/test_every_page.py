"""Every page of the table, at a desk, in the dark, and on a phone: nothing on the console, nothing from outside,
nothing that axe finds (WCAG 2.1 AA), nothing wider than the window."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser

from dicom_gateway.core.local_settings import LocalKind, LocalSetting
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.database import Database
from dicom_gateway.storage.local_settings import LocalSettingsStore
from dicom_gateway.web.pages.permissions import PAGES
from tests.browser.browsing import SHAPES, reading
from tests.browser.filling import Filled, fill
from tests.e2e.program import Program

PARTS = frozenset(  # of pages, streams and files: seen with the page that they belong to
    (
        "/ /live /badges /today/board /orders/patients /orders/{id}/timeline /deliveries/standings /deliveries/list "
        "/devices/list /devices/{place}/seen /health/live /audit.csv /unordered.csv "
        "/studies/{uid}/news /studies/{uid}/download "
        "/instances/{uid}/thumbnail /instances/{uid}/pixels /instances/{uid}/download /instances/{uid}/document "
        "/instances/{uid}/file /unmatched/list /connections/live /setup/unknown-devices /setup/device/{place}/heard "
        "/setup/test/live"
    ).split()
)
MADE_ON_THE_PAGE: dict[LocalKind, dict[str, Any]] = {
    LocalKind.PMS: {"name": "second", "type": "hl7", "host": "127.0.0.1", "port": 2599},
    LocalKind.HL7_SOURCE: {"name": "second", "sending_application": "SECOND"},
}
PLACES: dict[str, Callable[[Filled], str]] = {
    "/orders/{id}": lambda found: f"/orders/{found.orders[0]['id']}",
    "/orders/{id}/change": lambda found: f"/orders/{found.orders[1]['id']}/change",
    "/orders/{id}/cancel": lambda found: f"/orders/{found.orders[2]['id']}/cancel",
    "/orders/{id}/why": lambda found: f"/orders/{found.orders[1]['id']}/why?device=DX1",
    "/messages/{key}": lambda found: f"/messages/{found.message}",
    "/performed-steps/{uid}": lambda found: f"/performed-steps/{found.performed}",
    "/events/{id}": lambda found: f"/events/{found.event}",
    "/studies/{uid}": lambda found: f"/studies/{found.study}",
    "/studies/{uid}/view": lambda found: f"/studies/{found.study}/view?instance={found.instance}",
    "/instances/{uid}/metadata": lambda found: f"/instances/{found.instance}/metadata",
    "/unmatched/{study}": lambda found: f"/unmatched/{found.stray}",
    "/unmatched/{study}/confirm": lambda found: f"/unmatched/{found.stray}/confirm?order={found.orders[1]['id']}",
    "/unmatched/performed/{uid}": lambda found: f"/unmatched/performed/{found.nobodys}",
    "/unmatched/performed/{uid}/confirm": lambda found: (
        f"/unmatched/performed/{found.nobodys}/confirm?order={found.orders[1]['id']}"
    ),
    "/connections/pms/{name}": lambda found: "/connections/pms/second",
    "/connections/source": lambda found: "/connections/source?name=second",
    "/connections/remove": lambda found: "/connections/remove?kind=pms&name=second",
    "/setup/device/{place}": lambda found: "/setup/device/DX1",
    "/devices/{place}": lambda found: "/devices/DX1",
    "/devices/{place}/change": lambda found: "/devices/ROOM2/change",
    "/devices/{place}/remove": lambda found: "/devices/ROOM2/remove",
    "/devices/{place}/approve": lambda found: "/devices/NOBODY/approve",
    "/devices/{place}/sheet": lambda found: "/devices/DX1/sheet",
    "/deliveries/pause": lambda found: "/deliveries/pause?target=pms",
    "/users/change": lambda found: "/users/change?name=Tom",
}
LOOKED_AT = [path for method, path in PAGES if method == "GET" and path not in PARTS]


@pytest.fixture(scope="module")
def filled(clinic: Program, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    database = Database(clinic.data / "gateway.db")
    store = LocalSettingsStore(database, lambda: 1)
    for kind, document in MADE_ON_THE_PAGE.items():
        store.add(LocalSetting(kind, "second", document), Actor("test"))
    database.close()
    return fill(clinic, tmp_path_factory.mktemp("images"))


def test_every_page_is_looked_at() -> None:
    assert {path for path in LOOKED_AT if "{" in path} - PLACES.keys() == set()
    assert {path for method, path in PAGES if method == "GET"} >= PARTS


@pytest.mark.parametrize("shape", SHAPES)
def test_every_page_is_sound(clinic: Program, browser: Browser, filled: Filled, shape: str) -> None:
    found: list[str] = []
    with reading(browser, clinic.web_port, shape, locale="de-DE" if shape == "phone" else "en-GB") as anna:
        anna.log_in("Anna")
        for path in LOOKED_AT:
            address = PLACES[path](filled) if path in PLACES else path
            answer = anna.page.goto(anna.base + address)
            assert answer is not None
            if answer.status != 200:
                found.append(f"{address}: {answer.status}")
            found += [f"{address}: {one}" for one in anna.violations()]
            if anna.overflow() > 0:
                found.append(f"{address}: {anna.overflow()} px wider than the window")
            anna.picture(f"{shape}{path.replace('/', '_')}")
    assert found == []
