"""A veterinary day through the page: an order typed at the front desk, DCMTK and dcmjs-dimse as the device, what the
technician sees meanwhile without touching anything, and an image that nobody ordered."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect
from pydicom import dcmread
from pydicom.uid import generate_uid

from tests.browser.browsing import reading
from tests.e2e.images import ended, performed_step, write_image
from tests.e2e.program import Program, wait_for
from tests.e2e.receiver import Receiver
from tests.peers import dcmjs, dcmtk


def order_at_the_front_desk(page: Page, name: str, description: str, expected: int) -> str:
    """Type an order for an animal; return its id."""
    page.click("text=New order")
    page.get_by_label("Animal", exact=True).check()
    page.fill("[name=family_name]", "Doe")
    page.fill("[name=given_name]", name)
    page.fill("[name=species]", "dog")
    page.select_option("[name=modality]", "DX")
    page.select_option("[name=device]", "DX1")
    page.fill("[name=description]", description)
    page.fill("[name=expected]", str(expected))
    page.click("text=Enter the order")
    page.wait_for_url(re.compile("/orders/[0-9a-f]{26}"))
    return page.url.rpartition("/")[2].partition("?")[0]


def as_device(gateway: Program, order: dict[str, Any], folder: Path, then: Callable[[str], None]) -> None:
    """Find the order on the worklist, start, send two images and end; `then` is told of each."""
    port, study, uid = gateway.dicom_port, order["procedures"][0]["study_instance_uid"], generate_uid()
    key = "ScheduledProcedureStepSequence[0].ScheduledStationAETitle=DX1"
    found = dcmtk("findscu", "-W", "-aet", "DX1", "-k", "PatientName", "-k", key, "127.0.0.1", str(port))
    assert order["patient"]["name"] in found.stdout + found.stderr
    then("found")
    assert dcmjs(port, "DX1", "create", {"uid": uid, "attributes": performed_step(order)})[0]["status"] == 0
    then("started")
    made = [write_image(folder, study, order["patient"]["id"], n, order["patient"]["issuer"] or "") for n in (1, 2)]
    for number, (path, _) in enumerate(made, 1):
        assert dcmtk("storescu", "-aet", "DX1", "127.0.0.1", str(port), str(path)).returncode == 0
        then(f"image {number}")
    done = ended("COMPLETED", study, [name for _, name in made])
    assert dcmjs(port, "DX1", "set", {"uid": uid, "attributes": done})[0]["status"] == 0
    then("ended")


def test_an_order_is_seen_all_the_way_round(clinic: Program, pms: Receiver, browser: Browser, tmp_path: Path) -> None:
    port = clinic.web_port
    with reading(browser, port) as fay, reading(browser, port, "dark") as tom:
        fay.log_in("Fay")
        number = order_at_the_front_desk(fay.page, "Rex", "Thorax 2 views", 2)
        tom.log_in("Tom")
        line = tom.page.locator("tr", has_text="Doe, Rex")
        expect(line).to_contain_text("Planned")
        order = clinic.api("GET", f"/orders/{number}").json()
        shown = {
            "found": "On the device since",
            "started": "Running",
            "image 1": "1 of 2",
            "image 2": "2 of 2",
        }

        def look(step: str) -> None:
            if step in shown:
                expect(line).to_contain_text(shown[step])
                tom.picture(f"vet-today-{step}")

        as_device(clinic, order, tmp_path, look)
        expect(tom.page.get_by_text("Done or cancelled (1)")).to_be_visible()
        event = wait_for(lambda: pms.of("study.received"), what="study.received")[0]
        assert len(event["instances"]) == 2
        expect(fay.page.get_by_text("Complete: the device reported")).to_be_visible()
        expect(fay.page.locator("main img").first).to_be_visible()
        fay.picture("vet-order")
        assert fay.violations() == [] and tom.violations() == []


def test_an_image_of_nobody_finds_its_order(clinic: Program, pms: Receiver, browser: Browser, tmp_path: Path) -> None:
    with reading(browser, clinic.web_port) as tom:
        tom.log_in("Tom")
        number = order_at_the_front_desk(tom.page, "Luna", "Abdomen", 1)
        patient = clinic.api("GET", f"/orders/{number}").json()["patient"]["id"]
        stray = generate_uid()
        path, uid = write_image(tmp_path, stray, "TYPED-WRONG", 1, "")
        sent = dcmtk("storescu", "-aet", "DX1", "127.0.0.1", str(clinic.dicom_port), str(path))
        assert sent.returncode == 0, sent.stderr
        expect(tom.page.locator("nav a", has_text="To be matched")).to_contain_text("1")
        tom.page.click("nav a:has-text('To be matched')")
        tom.page.locator("main a", has_text="Doe, Rex").first.click()
        offer = tom.page.locator("article", has_text="Doe, Luna")
        offer.locator("button, a.button").first.click()
        expect(tom.page.get_by_role("heading", name="What is corrected in what leaves the gateway")).to_be_visible()
        expect(tom.page.get_by_text("TYPED-WRONG").first).to_be_visible()
        tom.picture("vet-match")
        assert tom.violations() == []
        tom.page.get_by_role("button", name="Match", exact=True).click()
        event = wait_for(
            lambda: [one for one in pms.of("study.received") if one["study"]["instance_uid"] == stray],
            what="study.received",
        )[0]
        assert (event["patient"]["id"], event["order"]["id"]) == (patient, number)
        tom.open(f"/studies/{stray}")
        with tom.page.expect_download() as download:
            tom.open_download(f"/instances/{uid}/file")
        found = dcmread(download.value.path())
        assert (found.PatientID, found.PatientName) == (patient, "Doe^Luna")
        before = found.OriginalAttributesSequence[0].ModifiedAttributesSequence[0]
        assert before.PatientID == "TYPED-WRONG"
        assert found.PixelData == dcmread(path).PixelData
