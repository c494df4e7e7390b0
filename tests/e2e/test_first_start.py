"""From the first start to the first delivered study by the page alone: forms are sent as a browser sends them."""

import re
from collections.abc import Callable, Iterator
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.e2e.program import Program, wait_for
from tests.e2e.receiver import SECRET, Receiver

PASSWORD = "a sentence to log in with"
RENEWED_SECONDS = 60


class Browser(httpx.Client):
    """Follows redirects, keeps cookies, and sends forms with the mark that the page before had."""

    def __init__(self, port: int) -> None:
        super().__init__(base_url=f"http://127.0.0.1:{port}", follow_redirects=True, trust_env=False, timeout=60)

    def fill(self, path: str, **fields: str) -> httpx.Response:
        """Send the form of a page, with its mark when it has one."""
        mark = re.search(r'name="csrf" value="([0-9a-f]+)"', self.get(path).text)
        answer = self.post(path, data={**({"csrf": mark[1]} if mark else {}), **fields})
        assert answer.status_code == 200, answer.text
        return answer


@pytest.fixture
def gateway(program: Callable[..., Program]) -> Program:
    return program(DICOM_GATEWAY_COMPLETION__QUIET_SECONDS="1", DICOM_GATEWAY_STORAGE__RESERVE_MB="16")


@pytest.fixture
def browser(gateway: Program) -> Iterator[Browser]:
    with Browser(gateway.web_port) as browser:
        yield browser


def test_from_the_first_start_to_the_first_delivered_study(browser: Browser, receiver: Receiver) -> None:
    first = browser.fill("/setup", name="Ann", password=PASSWORD, password_again=PASSWORD)
    assert first.url.path == "/setup/practice"
    device = browser.fill("/setup/practice", practice="Vet am Park", time_zone="Europe/Berlin")
    assert device.url.path == "/setup/device"
    sheet = browser.fill("/setup/device", ae_title="DX1", modality="DX", address="")
    assert sheet.url.path == "/setup/device/DX1" and "Nothing was heard of it yet" in sheet.text
    url = f"http://127.0.0.1:{receiver._server.server_address[1]}/hook"
    pms = {"name": "front-desk", "url": url, "secret": SECRET, "scope": "all", "token": "yes"}
    tested = browser.fill("/connections/new/webhook", do="test", **pms)
    assert "the PMS took the test event" in tested.text
    made = browser.fill("/connections/new/webhook", do="save", **pms)
    assert re.search(r"dgw_[A-Za-z0-9_-]{40}", made.text)
    wait_for(lambda: is_taken_over(browser), RENEWED_SECONDS, "the change is taken over")
    assert "Vet am Park" in browser.get("/connections").text
    order = browser.fill("/setup/test", device="DX1")
    order_id = parse_qs(urlsplit(str(order.url)).query)["order"][0]
    browser.post("/setup/test/play", data={"csrf": mark_of(order), "order": order_id})
    told = wait_for(lambda: receiver.of("study.received"), what="the result at the PMS")
    assert told[0]["order"]["id"] == order_id and told[0]["instances"][0]["thumbnail"]["data"]
    way = f"/setup/test/live?order={order_id}"
    wait_for(lambda: "It has travelled the whole way" in browser.get(way).text, what=browser.get(way).text)


def is_taken_over(browser: Browser) -> bool:
    """Say whether the list no longer says that a change is taken over; a role that ends cuts its connections."""
    try:
        answer = browser.get("/connections/live")
    except httpx.TransportError:
        return False
    return answer.status_code == 200 and "being taken over" not in answer.text and "front-desk" in answer.text


def mark_of(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)
    assert found
    return found[1]
