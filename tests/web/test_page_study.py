"""Studies on the page: the list, one study as a grid and as a mount, the viewer's pixels, headers and downloads."""

import html
import io
import json
import re
import struct
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dicom_gateway.core.completion import Evidence
from dicom_gateway.core.linking import LinkReason
from dicom_gateway.core.mount import PLACES, Group, Place, Row, Why
from dicom_gateway.core.users import UserRole
from dicom_gateway.study.anatomy_rules import VIEWS
from dicom_gateway.web.pages import study_words
from dicom_gateway.web.pages.language import Text, language
from tests.study.images import data_set, encoded, image
from tests.web.conftest import HEAD

STUDY = "1.2.3.4"
FRONT_DESK, TECHNICIAN, CLINICIAN, ADMINISTRATOR = UserRole
RAMP = np.tile(np.arange(0, 4000, 40, dtype="<u2"), (60, 1))
PICTURE = encoded(image(RAMP, BitsStored=12, WindowCenter=2000, WindowWidth=4000, PatientName="Doe^Jane"))
PDF_CLASS = "1.2.840.10008.5.1.4.1.1.104.1"


@pytest.fixture
def visitor(world: Any, port: int) -> Iterator[Any]:
    with world.visitor(port, TECHNICIAN) as visitor:
        yield visitor


@pytest.fixture
def receive(world: Any) -> Callable[..., None]:
    """Keep the image of that number, with real pixels."""

    def receive(number: int = 1, data: bytes = PICTURE, **header: Any) -> None:
        uid = header.pop("uid", f"{STUDY}.{number}")
        size = {"rows": 60, "columns": 100} | header
        world.receive(data, sop_instance_uid=uid, instance_number=number, **size)

    return receive


def text(answer: Any) -> str:
    """Return what a page says, without markup."""
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def audited(world: Any, subject: str) -> list[tuple[str, str, str]]:
    rows = world.services.audit.of(subject)
    return [(row["who"], row["action"], row["detail"]) for row in rows]


def order_of(client: Any, bodies: Any, **step: Any) -> Any:
    body = bodies()
    body["procedures"][0]["study_instance_uid"] = STUDY
    body["procedures"][0]["steps"][0] |= step
    return client.post("/api/v1/orders", json=body).json()


def test_the_list(world: Any, visitor: Any, receive: Any) -> None:
    assert "No images have come yet." in text(visitor.get("/studies"))
    receive(patient_name="Doe^Jane", patient_id="P-78")
    receive(2, study_instance_uid="1.2.9", patient_name="<b>Roe</b>^Ann", patient_id="P-91", modality="IO")
    page = visitor.get("/studies")
    assert text(page).index("Roe") < text(page).index("Doe, Jane"), "the newest first"
    assert "<b>Roe" not in page.text
    assert "Doe, Jane" not in text(visitor.get("/studies?q=roe")) and "Doe, Jane" in text(visitor.get("/studies?q=ja"))
    assert "Doe, Jane" not in text(visitor.get("/studies?modality=IO"))
    assert "No study fits this search." in text(visitor.get("/studies?q=nobody"))
    visitor.get("/today")
    assert ("user the technician", "viewed", "search 'roe'") in audited(world, "studies")


def test_the_list_goes_on(world: Any, visitor: Any, receive: Any) -> None:
    for number in range(52):
        world.time[0] += 1_000_000
        receive(number, study_instance_uid=f"1.2.7.{number}", patient_name=f"Doe^No{number:02}", uid=f"1.2.8.{number}")
    first = visitor.get("/studies?q=Doe")
    older = re.search(r'href="(/studies\?[^"]*cursor=[^"]*)"', first.text)
    assert older is not None
    second = text(visitor.get(html.unescape(older[1])))
    assert "No51" in text(first) and "No02" in text(first) and "No01" not in text(first)
    assert "No01" in second and "No00" in second and "No02" not in second and "Older studies" not in second
    assert visitor.get("/studies?cursor=nonsense").status_code == 422


def test_a_study_of_an_order(world: Any, visitor: Any, receive: Any, client: Any, bodies: Any) -> None:
    order = order_of(client, bodies, expected_instances=3)
    receive(1, view="VD", frames=5, station_name="ROOM2")
    receive(2, patient_id="SOMEBODY ELSE")
    said = text(visitor.get(f"/studies/{STUDY}"))
    assert "1 of 3 Images are missing" in said and "1 image waits to be matched" in said
    assert "DX1 (ROOM2)" in said and "5 frames VD" in said and "The device took it from the worklist." in said
    assert "Canine" in said and order["placer_order_number"] in said
    assert "The image is of another patient than the order." in said
    assert said.count("Not for diagnosis") == 0, "it stands beside each picture as an attribute"
    page = visitor.get(f"/studies/{STUDY}").text
    assert page.count('data-note="Not for diagnosis"') == 2 and page.count('loading="lazy"') == 2
    visitor.get(f"/studies/{STUDY}/view")
    assert audited(world, f"study {STUDY}").count(("user the technician", "viewed", "")) == 3


def test_a_study_that_there_is_not(visitor: Any) -> None:
    for path in ("/studies/9.9", "/studies/9.9/view", "/instances/9.9/metadata", "/studies/9.9/download"):
        answer = visitor.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8"), path


def test_a_dental_study_is_a_mount_at_first(visitor: Any, receive: Any) -> None:
    receive(1, modality="IO", view="Periapical", teeth=("36", "37"))
    receive(2, modality="IO", view="Bitewing", teeth=("14", "15", "44", "45"), from_text=("teeth",))
    receive(3, modality="IO", view="Occlusal")
    page = visitor.get(f"/studies/{STUDY}")
    said = text(page)
    assert 'aria-label="Lower molars, left"' in page.text and 'aria-label="Bitewing, premolars, right"' in page.text
    assert said.index("Not placed") < said.index("This view has no place in the mount.")
    assert "48 47 46" in said, "an empty field names its teeth"
    assert "(from words)" in said
    grid = visitor.get(f"/studies/{STUDY}?layout=grid")
    assert "3 images" in text(grid) and "Not placed" not in text(grid) and grid.text.count("<figure") == 3


def test_a_place_of_the_mount_shows_a_few_images_and_counts_the_others(visitor: Any, receive: Any) -> None:
    for number in range(1, 8):
        receive(number, modality="IO", view="Periapical", teeth=("36",))
    page = visitor.get(f"/studies/{STUDY}")
    assert page.text.count("<figure") == 4 and re.search(r'<a href="\?layout=grid">3 more</a>', page.text)
    assert visitor.get(f"/studies/{STUDY}?layout=grid").text.count("<figure") == 7


def test_no_mount_for_an_animal(visitor: Any, receive: Any) -> None:
    receive(1, modality="IO", view="Periapical", teeth=("36",), from_text=("teeth",), species="Canine")
    said = visitor.get(f"/studies/{STUDY}").text
    assert "Mount" not in said and '<span class="teeth">' not in said


def test_taken_as_complete(world: Any, port: int, visitor: Any, receive: Any, client: Any, bodies: Any) -> None:
    order_of(client, bodies)
    receive()
    path = f"/studies/{STUDY}/complete"
    with world.visitor(port, FRONT_DESK) as desk:
        assert "Take as complete" not in text(desk.get(f"/studies/{STUDY}"))
        assert desk.send_form(path).status_code == 403
    assert "Take as complete" in text(visitor.get(f"/studies/{STUDY}"))
    assert visitor.post(path, data={}).status_code == 403, "without the mark of the session"
    done = visitor.send_form(path)
    assert (done.status_code, done.headers["location"]) == (303, f"/studies/{STUDY}")
    said = text(visitor.get(f"/studies/{STUDY}"))
    assert "Somebody took the study as complete." in said and "Take as complete" not in said
    assert ("user the technician", "study completed by hand", "") in audited(world, f"study {STUDY}")


def test_a_study_of_no_order_cannot_be_complete(visitor: Any, receive: Any) -> None:
    receive()
    assert "Take as complete" not in text(visitor.get(f"/studies/{STUDY}"))
    refused = visitor.send_form(f"/studies/{STUDY}/complete")
    assert (refused.status_code, refused.headers["content-type"]) == (409, "text/html; charset=utf-8")


def test_what_is_new_is_said_once_there_is_something(visitor: Any, receive: Any) -> None:
    receive()
    page = visitor.get(f"/studies/{STUDY}").text
    found = re.search(r'hx-get="(/studies/[^"]*/news\?seen=[^"]*)"', page)
    assert found is not None
    assert visitor.get(found[1]).status_code == 204
    receive(2)
    assert f'href="/studies/{STUDY}"' in visitor.get(found[1]).text


def test_a_thumbnail_is_kept_by_the_browser(world: Any, visitor: Any, receive: Any) -> None:
    receive()
    first = visitor.get(f"/instances/{STUDY}.1/thumbnail")
    assert (first.headers["content-type"], first.headers["cache-control"]) == ("image/jpeg", "private, max-age=3600")
    again = visitor.get(f"/instances/{STUDY}.1/thumbnail", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, world.pictures.asked) == (304, b"", 1)
    world.pictures.is_tile = True
    tile = visitor.get(f"/instances/{STUDY}.1/thumbnail")
    assert tile.headers["cache-control"] == "private, no-cache" and "etag" not in tile.headers
    assert audited(world, f"study {STUDY}") == [], "the page that holds it is recorded, not each picture"


def test_pixels_for_the_viewer(visitor: Any, receive: Any) -> None:
    receive()
    answer = visitor.get(f"/instances/{STUDY}.1/pixels?frame=0")
    assert answer.headers["content-encoding"] == "gzip"
    (length,) = struct.unpack_from("<I", answer.content)
    head = json.loads(answer.content[4 : 4 + length])
    values = np.frombuffer(answer.content[4 + length :], "<u2").reshape(head["rows"], head["columns"])
    assert (values == RAMP).all() and head["windows"] == [{"name": "", "center": 2000, "width": 4000}]
    known = {"If-None-Match": answer.headers["etag"]}
    assert visitor.get(f"/instances/{STUDY}.1/pixels?frame=0", headers=known).status_code == 304
    assert visitor.get(f"/instances/{STUDY}.1/pixels?frame=1", headers=known).status_code == 200
    receive(2, encoded(data_set()), rows=None)
    assert visitor.get(f"/instances/{STUDY}.2/pixels").status_code == 404


def test_the_viewer_lists_all_images_and_marks_one(visitor: Any, receive: Any) -> None:
    receive(1)
    receive(2, modality="CT")
    page = visitor.get(f"/studies/{STUDY}/view?instance={STUDY}.2&frame=3").text
    assert re.findall(r'data-uid="([^"]*)"', page) == [f"{STUDY}.1", f"{STUDY}.2"]
    assert re.search(rf'data-uid="{STUDY}.2"[^>]*aria-current="true"', page)
    assert 'data-frame="3"' in page and ">Not for diagnosis<" in page
    assert '<section class="viewer" id="viewer" hidden' in page, "the script shows what only works with it"
    assert f'<img src="/instances/{STUDY}.2/thumbnail"' in page.split('id="plain"')[1].split("</div>")[0]
    assert not re.search(r"<script(?![^>]*src=)|style=|onclick=", page)
    assert visitor.get(f"/studies/{STUDY}/view?instance=9.9").status_code == 404


def test_a_document_is_a_download(world: Any, visitor: Any, receive: Any) -> None:
    pdf = data_set(
        SOPClassUID=PDF_CLASS, MIMETypeOfEncapsulatedDocument="application/pdf", EncapsulatedDocument=b"%PDF-1.4 text "
    )
    receive(1, encoded(pdf), sop_class_uid=PDF_CLASS, rows=None, columns=None)
    page = visitor.get(f"/studies/{STUDY}/view")
    assert "PDF document" in text(page) and "viewer.js" not in page.text
    found = visitor.get(f"/instances/{STUDY}.1/document")
    assert found.content == b"%PDF-1.4 text "
    assert found.headers["content-disposition"].startswith("attachment;")
    assert found.headers["content-type"] == "application/pdf"
    receive(2)
    assert visitor.get(f"/instances/{STUDY}.2/document").status_code == 404
    assert ("user the technician", "exported", f"document {STUDY}.1") in audited(world, f"study {STUDY}")


def test_a_page_without_a_pdf_in_it(visitor: Any, receive: Any) -> None:
    page = data_set(
        SOPClassUID=PDF_CLASS,
        MIMETypeOfEncapsulatedDocument="text/html",
        EncapsulatedDocument=b"<script>alert(1)</script>",
    )
    receive(1, encoded(page), sop_class_uid=PDF_CLASS, rows=None)
    assert visitor.get(f"/instances/{STUDY}.1/document").headers["content-type"] == "text/html; charset=utf-8"
    assert b"alert(1)" not in visitor.get(f"/instances/{STUDY}.1/document").content


def test_the_header_of_an_image(world: Any, visitor: Any, receive: Any) -> None:
    made = image(RAMP, PatientName="Doe^<i>Jane</i>")
    made.add_new(0x00091001, "LO", "private words")
    inner = data_set(CodeMeaning="Inside a sequence")
    made.AnatomicRegionSequence = [inner]
    receive(1, encoded(made))
    page = visitor.get(f"/instances/{STUDY}.1/metadata")
    said = text(page)
    assert "PatientName (0010,0010) PN Doe^<i>Jane</i>" in said and "<i>Jane" not in page.text
    assert "(0009,1001)" in said and "private words" in said
    assert "AnatomicRegionSequence (0008,2218) SQ 1 entry" in said and "Inside a sequence" in said
    assert "PixelData (7FE0,0010) OW 12 KB, not shown" in said
    assert "1.2.840.10008.5.1.4.1.1.1.1 (Digital X-Ray Image Storage - For Presentation)" in said
    assert ("user the technician", "viewed", f"header of {STUDY}.1") in audited(world, f"study {STUDY}")


def test_versions_are_explained_and_downloaded(visitor: Any, receive: Any) -> None:
    receive(1)
    receive(1, PICTURE[:-2] + b"\1\1")
    assert "2 versions" in text(visitor.get(f"/studies/{STUDY}"))
    said = text(visitor.get(f"/instances/{STUDY}.1/metadata"))
    assert "This one counts" in said and "The first one counts until a person looks at both." in said
    for version, end in ((1, PICTURE[-2:]), (2, b"\1\1")):
        assert visitor.get(f"/instances/{STUDY}.1/file?version={version}").content[-2:] == end
    assert visitor.get(f"/instances/{STUDY}.1/file?version=3").status_code == 404


def test_a_dicom_file(world: Any, visitor: Any, receive: Any) -> None:
    receive(7, series_number=2)
    answer = visitor.get(f"/instances/{STUDY}.7/file")
    assert answer.content == HEAD + PICTURE
    assert answer.headers["content-length"] == str(len(HEAD + PICTURE))
    assert answer.headers["content-disposition"] == 'attachment; filename="series-002_image-0007.dcm"'
    assert ("user the technician", "exported", f"image {STUDY}.7 as dicom") in audited(world, f"study {STUDY}")


@pytest.mark.parametrize(("form", "kind"), [("png", "PNG"), ("jpeg", "JPEG")])
def test_a_picture_says_what_it_is_not_for(world: Any, visitor: Any, receive: Any, form: str, kind: str) -> None:
    receive()
    answer = visitor.get(f"/instances/{STUDY}.1/download?form={form}")
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.format == kind and picture.height > 60, "a line stands below it"
        strip = np.asarray(picture.convert("L"))[60:]
    assert (strip > 128).sum() > 100
    assert ("user the technician", "exported", f"image {STUDY}.1 as {form}") in audited(world, f"study {STUDY}")
    assert visitor.get(f"/instances/{STUDY}.1/download?form=exe").status_code == 422


def opened(answer: Any) -> zipfile.ZipFile:
    assert answer.status_code == 200
    found = zipfile.ZipFile(io.BytesIO(answer.content))
    assert found.testzip() is None
    return found


def test_a_whole_study(world: Any, visitor: Any, receive: Any) -> None:
    frames = np.stack([np.full((8, 8), level, np.uint8) for level in (0, 100, 200)])
    receive(1)
    receive(2, encoded(image(frames, frames=3)), rows=8, columns=8, frames=3)
    receive(3, encoded(data_set()), rows=None, columns=None)
    found = opened(visitor.get(f"/studies/{STUDY}/download?form=dicom"))
    assert found.namelist() == [f"series-001_image-000{n}.dcm" for n in (1, 2, 3)]
    assert found.read("series-001_image-0001.dcm") == HEAD + PICTURE
    pictures = opened(visitor.get(f"/studies/{STUDY}/download?form=jpeg"))
    of_frames = [f"series-001_image-0002_frame-000{n}.jpg" for n in (1, 2, 3)]
    assert pictures.namelist() == ["series-001_image-0001.jpg", *of_frames]
    with Image.open(io.BytesIO(pictures.read(of_frames[1]))) as picture:
        assert picture.height > 8
    assert [entry[1:] for entry in audited(world, f"study {STUDY}")] == [
        ("exported", "3 images as dicom"),
        ("exported", "3 images as jpeg"),
    ]


def test_names_of_downloads_say_which_study_and_which_teeth(
    visitor: Any, receive: Any, client: Any, bodies: Any
) -> None:
    receive(1, modality="IO", teeth=("36", "37"), accession_number='A-1"/..\\7\r\nX' + "9" * 60)
    receive(2, modality="IO", teeth=("11",), from_text=("teeth",))
    receive(3, modality="IO", teeth=("../", "12"))
    answer = visitor.get(f"/studies/{STUDY}/download?form=jpeg")
    name = answer.headers["content-disposition"].removeprefix('attachment; filename="').removesuffix('"')
    assert re.fullmatch(r"study-\d{8}-\d{4}-IO-A-17X9{27}-jpeg\.zip", name), name
    assert opened(answer).namelist() == [
        "series-001_image-0001_36-37.jpg", "series-001_image-0002.jpg", "series-001_image-0003_12.jpg",
    ]  # fmt: skip
    picture = visitor.get(f"/instances/{STUDY}.1/download?form=png")
    assert "series-001_image-0001_36-37.png" in picture.headers["content-disposition"]


def test_the_name_of_a_download_has_the_number_of_the_order(
    visitor: Any, receive: Any, client: Any, bodies: Any
) -> None:
    order = order_of(client, bodies)
    receive(1)
    answer = visitor.get(f"/studies/{STUDY}/download?form=jpeg")
    assert f"-{order['accession_number']}-jpeg.zip" in answer.headers["content-disposition"]


def test_a_missing_file_does_not_keep_the_others_back(world: Any, visitor: Any, receive: Any) -> None:
    receive(1)
    receive(2)
    gone = world.services.studies.instance(f"{STUDY}.1")
    world.services.objects.path(gone.stored.name).unlink()
    found = opened(visitor.get(f"/studies/{STUDY}/download?form=dicom"))
    assert found.namelist() == ["series-001_image-0002.dcm", "problems.txt"]
    assert b"series-001_image-0001.dcm" in found.read("problems.txt")
    assert visitor.get(f"/instances/{STUDY}.1/file").headers["content-type"] == "text/html; charset=utf-8"
    assert "The file of this image is missing or damaged." in text(visitor.get(f"/instances/{STUDY}.1/metadata"))
    assert {alarm["kind"] for alarm in world.services.audit.alarms()} >= {"object damaged"}


def test_front_desk_sees_pictures_and_takes_no_dicom(world: Any, port: int, receive: Any) -> None:
    receive()
    with world.visitor(port, FRONT_DESK) as desk:
        page = desk.get(f"/studies/{STUDY}").text
        assert "form=jpeg" in page and "form=dicom" not in page
        assert "/file" not in desk.get(f"/studies/{STUDY}/view").text
        assert desk.get(f"/instances/{STUDY}.1/file").status_code == 403
        assert desk.get(f"/studies/{STUDY}/download?form=dicom").status_code == 403
        assert desk.get(f"/studies/{STUDY}/download?form=png").status_code == 200
        assert desk.get(f"/instances/{STUDY}.1/thumbnail").status_code == 200
    assert not any("dicom" in detail for _, _, detail in audited(world, f"study {STUDY}"))


@pytest.mark.parametrize("role", [TECHNICIAN, CLINICIAN, ADMINISTRATOR])
def test_who_else_takes_dicom(world: Any, port: int, receive: Any, role: UserRole) -> None:
    receive()
    with world.visitor(port, role) as visitor:
        assert visitor.get(f"/studies/{STUDY}/download?form=dicom").status_code == 200


def test_nobody_sees_anything_without_a_session(world: Any, port: int, receive: Any) -> None:
    receive()
    world.user()
    with world.client(port, "") as stranger:
        for path in (
            "/studies",
            f"/studies/{STUDY}",
            f"/instances/{STUDY}.1/pixels",
            f"/instances/{STUDY}.1/thumbnail",
        ):
            answer = stranger.get(path)
            assert answer.status_code == 303 and answer.headers["location"].startswith("/login"), path


def test_everything_has_words() -> None:
    assert set(study_words.EVIDENCE) == set(Evidence)
    assert set(study_words.REASONS) == set(LinkReason)
    assert set(study_words.WHY) == set(Why)
    german = language("de")
    assert all(isinstance(study_words.view_words(rule.answer), Text) for rule in VIEWS)
    assert german.say(study_words.view_words("Periapical")) != "Periapical"
    assert study_words.view_words("VD 15°") == "VD 15°"
    english = language("en")
    places = [place for row in PLACES.values() for place in row]
    assert len({english.say(study_words.place_words(place)) for place in places}) == len(places)
    assert english.say(study_words.place_words(Place(Row.UPPER, Group.MOLARS, "R"))) == "Upper molars, right"


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("conflict", "Another image came under the same number."),
        ("bad_value:Rows", "The value of Rows cannot be right."),
        ("something new", "something new"),
    ],
)
def test_flags_in_words(flag: str, said: str) -> None:
    found = study_words.flag_words(flag)
    assert said in (language("en").say(found) if isinstance(found, Text) else found)
