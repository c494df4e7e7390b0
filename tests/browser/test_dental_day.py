"""A dental day through the page, in German and with a phone: teeth chosen on a chart, images laid out as a mount."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from pydicom import Dataset, dcmread

from dicom_gateway.core.teeth import tooth_code
from tests.browser.browsing import reading
from tests.e2e.images import write_image
from tests.e2e.program import Program, wait_for
from tests.e2e.receiver import Receiver
from tests.peers import dcmtk

IO = "1.2.840.10008.5.1.4.1.1.1.3"
TEETH = ("16", "11", "36")


def order(page: Page, teeth: tuple[str, ...]) -> str:
    """Type an order for the sensor; return its id."""
    page.click("text=Neuer Auftrag")
    page.fill("[name=family_name]", "Müller-Lüdenscheidt")
    page.fill("[name=given_name]", "Änne")
    page.fill("[name=birth_date]", "1991-05-06")
    page.select_option("[name=modality]", "IO")
    page.select_option("[name=device]", "SENSOR1")
    for tooth in teeth:
        page.locator(f"[name=teeth][value='{tooth}']").check(force=True)
    page.locator("main form[method=post] button[type=submit]").last.click()
    page.wait_for_url(re.compile("/orders/[0-9a-f]{26}"))
    return page.url.rpartition("/")[2].partition("?")[0]


def intraoral(folder: Path, study: str, patient_id: str, issuer: str, number: int, tooth: str) -> Path:
    """Write an intraoral image of a tooth, as its Primary Anatomic Structure says."""
    path, _ = write_image(folder, study, patient_id, number, issuer)
    made = dcmread(path)
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = IO
    made.Modality = "IO"
    del made.ViewPosition  # of an animal
    code = tooth_code(tooth)
    structure = Dataset()
    structure.CodeValue, structure.CodingSchemeDesignator, structure.CodeMeaning = code.value, code.scheme, code.meaning
    made.PrimaryAnatomicStructureSequence = [structure]
    made.save_as(path)
    return path


@pytest.mark.parametrize("shape", ["desk", "phone"])
def test_a_dental_day_in_german(clinic: Program, pms: Receiver, browser: Browser, tmp_path: Path, shape: str) -> None:
    with reading(browser, clinic.web_port, shape, locale="de-DE") as fay:
        fay.log_in("Fay")
        expect(fay.page.locator("h1")).to_contain_text("Heute")
        number = order(fay.page, TEETH)
        made = clinic.api("GET", f"/orders/{number}").json()
        assert made["procedures"][0]["steps"][0]["teeth"] == sorted(TEETH)
        study, patient = made["procedures"][0]["study_instance_uid"], made["patient"]
        files = [
            intraoral(tmp_path, study, patient["id"], patient["issuer"] or "", n, tooth)
            for n, tooth in enumerate(TEETH, 1)
        ]
        sent = dcmtk("storescu", "-aet", "SENSOR1", "127.0.0.1", str(clinic.dicom_port), *map(str, files))
        assert sent.returncode == 0, sent.stderr
        expect(fay.page.locator("main img")).to_have_count(3)
        wait_for(lambda: [e for e in pms.of("study.received") if e["study"]["instance_uid"] == study])
        fay.open(f"/studies/{study}")
        rows = fay.page.locator(".mount-row")
        assert rows.locator("img").count() == 3
        upper = fay.page.locator(".mount-row.upper img")
        assert upper.count() == 2
        left, right = (upper.nth(n).bounding_box() for n in range(2))
        assert left is not None and right is not None
        assert left["x"] < right["x"]  # 16, of the patient's right, is on the viewer's left of 11
        fay.picture(f"dental-mount-{shape}")
        assert fay.violations() == []
        assert fay.overflow() <= 0
        rows.locator("a").first.click()
        expect(fay.page.locator("canvas")).to_be_visible()
        fay.picture(f"dental-viewer-{shape}")
        assert fay.violations() == []
