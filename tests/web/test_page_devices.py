"""The pages of devices: listed with their light, added, changed, removed, let in, called, and their sheet."""

import re
from html import unescape
from ipaddress import ip_network
from typing import Any
from urllib.parse import unquote

import pytest

from dicom_gateway.core.device_answer import Echoed
from dicom_gateway.core.device_document import format_device
from dicom_gateway.core.device_sheet import Place, sheet_document
from dicom_gateway.core.devices import Device, Service
from dicom_gateway.core.habits import Habit, ServiceUsed
from dicom_gateway.core.users import UserRole
from dicom_gateway.dicom.watching import facts_of_identifier
from dicom_gateway.errors import Conflict
from dicom_gateway.storage.devices import DeviceStore
from dicom_gateway.storage.observations import DeviceSeen
from dicom_gateway.storage.observing import Observer
from dicom_gateway.storage.studies import Quarantined
from dicom_gateway.web.pages.device_words import (
    HABITS,
    LIGHTS,
    ae_title_of,
    device_path,
    echo_advice,
    sheet_words,
)
from dicom_gateway.web.pages.language import Text

SECOND = 1_000_000
AWKWARD = ["A/B", "PANO 2", "%41", "new", "list", "A%2FB", "X/sheet", "?#&'\"<>", "..", "DX1"]


@pytest.fixture
def visitor(world: Any, port: int) -> Any:
    with world.visitor(port, UserRole.TECHNICIAN) as visitor:
        yield visitor


def refuse(world: Any, ae_title: str, address: str = "10.0.0.7", reason: str = "unknown device") -> None:
    world.services.unknown_devices.record(ae_title, address, "PACS", reason, ["Verification SOP Class"], False)


def saw(world: Any, ae_title: str, *used: ServiceUsed) -> None:
    observer = Observer(world.database, facts_of_identifier)
    observer.observe(DeviceSeen(ae_title, world.time[0], tuple((Habit.SERVICE, one.value) for one in used)))
    observer.close()


def text_of(html: str) -> str:
    """Return what a reader sees, spaces made one."""
    bare = re.sub(r"<(style|script)\b.*?</\1>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", bare)))


def document(world: Any, ae_title: str) -> dict[str, Any]:
    return format_device(world.services.devices.store.get(ae_title))


def test_the_list_has_a_light_for_each(world: Any, port: int, visitor: Any) -> None:
    saw(world, "DX1", ServiceUsed.ASSOCIATION, ServiceUsed.STORAGE)
    world.asks(b"")
    page = visitor.get("/devices")
    assert page.status_code == 200
    row = re.search(r"<tr>.*?DX1.*?</tr>", page.text[page.text.index("<tbody>") :], re.DOTALL)
    assert row is not None and 'class="light green"' in row[0] and "has called lately" in row[0]
    assert row[0].count("–") == 0 and "the settings file" in row[0]
    world.time[0] += 7200 * SECOND
    with world.visitor(port, UserRole.TECHNICIAN) as later:
        assert 'class="light off"' in later.get("/devices/list").text


def test_a_device_that_was_turned_away_since(world: Any, visitor: Any) -> None:
    assert "never heard of" in visitor.get("/devices").text
    saw(world, "DX1", ServiceUsed.ASSOCIATION)
    world.time[0] += 60 * SECOND
    refuse(world, "DX1", reason="address not in allowed_from")
    page = visitor.get("/devices").text
    assert 'class="light red"' in page and "It called from an address from which it may not call." in page


def test_add_change_remove(world: Any, visitor: Any) -> None:
    assert "Add a device" in visitor.get("/devices/new").text
    filled = {
        "ae_title": "PANO 2", "modalities": "PX, IO", "allowed_from": "10.0.0.0/24; 10.1.2.3", "host": "10.0.0.9",
        "port": "104", "services": ["worklist", "storage"], "character_sets": "ISO_IR 100, ISO_IR 192",
        "station_names": "Room 2", "unencodable": "refuse", "animal_names": "animal^owner", "hides_started": "yes",
        "quiet_seconds": "30", "object_mb": "",
    }  # fmt: skip
    added = visitor.send_form("/devices", **filled)
    assert (added.status_code, added.headers["location"]) == (303, "/devices/PANO%25202/sheet")
    found = document(world, "PANO 2")
    assert found == {
        "ae_title": "PANO 2", "host": "10.0.0.9", "port": 104, "modalities": ["PX", "IO"],
        "allowed_from": ["10.0.0.0/24", "10.1.2.3/32"], "services": ["worklist", "storage"],
        "character_sets": ["ISO_IR 100", "ISO_IR 192"], "unencodable": "refuse", "station_names": ["Room 2"],
        "animal_names": "animal^owner", "sends_mpps": False, "hides_started": True, "quiet_seconds": 30,
        "incomplete_after_seconds": None, "associations": None, "object_mb": None, "stock_association": False,
        "origin": "database",
    }  # fmt: skip
    here = device_path("PANO 2")
    form = visitor.get(f"{here}/change").text
    assert re.findall(r'name="modalities" value="(\w+)" checked', form) == ["IO", "PX"]
    assert 'value="10.0.0.0/24, 10.1.2.3/32"' in form and 'name="ae_title"' not in form
    changed = visitor.send_form(f"{here}/change", modalities="CT", services="mpps", sends_mpps="yes")
    assert (changed.status_code, changed.headers["location"]) == (303, here)
    assert (document(world, "PANO 2")["modalities"], document(world, "PANO 2")["host"]) == (["CT"], "")
    assert "Remove this device" in visitor.get(f"{here}/remove").text
    assert visitor.send_form(f"{here}/remove").headers["location"] == "/devices"
    assert visitor.get(here).status_code == 404
    assert [
        row["action"] for row in world.services.audit.of("device PANO 2") if row["who"] == "user the technician"
    ] == [
        "device added",
        "device changed",
        "device removed",
    ]


def test_the_form_shows_what_a_device_has_and_saves_it_unchanged(world: Any, visitor: Any) -> None:
    visitor.send_form("/devices", ae_title="DX7", services=["worklist", "mpps"], sends_mpps="yes", modalities="DX")
    before = document(world, "DX7")
    form = visitor.get("/devices/DX7/change").text
    fields = {
        name: unescape(value) for name, value in re.findall(r'<input id="\w+" name="(\w+)"[^>]*? value="([^"]*)"', form)
    }
    ticked = re.findall(r'name="(\w+)" value="(\w+)" checked', form)
    chosen = dict(re.findall(r'<select id="(\w+)".*?<option value="([^"]*)" selected', form, re.DOTALL))
    services = [value for name, value in ticked if name == "services"]
    assert fields.pop("modalities") == ""
    ticks = {name: value for name, value in ticked if name != "services"}
    visitor.send_form("/devices/DX7/change", **fields, **chosen, **ticks, services=services)
    assert document(world, "DX7") == before


@pytest.mark.parametrize(
    ("filled", "field", "words"),
    [
        ({}, "ae_title", "Please fill this in."),
        ({"ae_title": "A" * 17}, "ae_title", "1 to 16 letters"),
        ({"ae_title": "X", "port": "abc"}, "port", "whole number"),
        ({"ae_title": "X", "port": "70000"}, "port", "up to 65535"),
        ({"ae_title": "X", "allowed_from": "10.0.0.0/8, nowhere"}, "allowed_from", "such as 192.168.1.20"),
        ({"ae_title": "X", "modalities": "D-X"}, "modalities", "capitals"),
        ({"ae_title": "X", "quiet_seconds": "0"}, "quiet_seconds", "from 1 upwards"),
        ({"ae_title": "DCMGATEWAY"}, "ae_title", "of this gateway itself"),
        ({"ae_title": "X", "services": "print"}, "services", "Choose one of these"),
        ({"ae_title": "X", "host": "h" * 3000}, "host", "too long"),
    ],
    ids=str,
)
def test_an_error_stands_at_its_field(visitor: Any, filled: dict[str, Any], field: str, words: str) -> None:
    answer = visitor.send_form("/devices", **filled)
    assert answer.status_code == 422
    wrong = re.search(rf'id="{field}-error">(.*?)</p>|class="error">(.*?)</p>', answer.text)
    assert wrong is not None and words in (wrong[1] or wrong[2])
    for name, value in filled.items():
        if name != "services" and len(value) < 100:
            assert f'value="{value}"' in answer.text  # what was typed is still there


def test_a_second_device_of_one_title(visitor: Any) -> None:
    answer = visitor.send_form("/devices", ae_title="DX1")
    assert answer.status_code == 422 and "stands in the file gateway.toml" in answer.text
    visitor.send_form("/devices", ae_title="DX2")
    assert "There is a device DX2 already." in visitor.send_form("/devices", ae_title="DX2").text


def test_a_device_of_the_file_cannot_be_changed_here(world: Any, visitor: Any) -> None:
    page = visitor.get("/devices/DX1").text
    assert "can be changed there only" in page and "/devices/DX1/change" not in page
    for path in ("/devices/DX1/change", "/devices/DX1/remove"):
        assert visitor.get(path).status_code == 409
        assert visitor.send_form(path, modalities="CT").status_code == 409
    assert document(world, "DX1")["modalities"] == ["DX"]


def test_let_in(world: Any, visitor: Any) -> None:
    refuse(world, "PANO 2")
    refuse(world, "PANO 2")
    listed = text_of(visitor.get("/devices").text)
    assert "PANO 2 This device is not known here." in listed and "10.0.0.7" in listed and "Calls 2" in listed
    here = device_path("PANO 2")
    assert 'value="10.0.0.7"' in visitor.get(f"{here}/approve").text
    answer = visitor.send_form(f"{here}/approve", modalities="P-X", allowed_from="10.0.0.7")
    assert answer.status_code == 422 and 'value="P-X"' in answer.text and "capitals" in answer.text
    answer = visitor.send_form(f"{here}/approve", modalities="px", allowed_from="10.0.0.7, 10.5.0.0/16")
    assert (answer.status_code, answer.headers["location"]) == (303, here)
    found = document(world, "PANO 2")
    assert (found["modalities"], found["allowed_from"], found["host"]) == (
        ["PX"],
        ["10.0.0.7/32", "10.5.0.0/16"],
        "10.0.0.7",
    )
    assert "want in" not in visitor.get("/devices").text
    assert visitor.get(f"{here}/approve").status_code == 404


def test_a_device_that_called_from_several_addresses(world: Any, visitor: Any) -> None:
    refuse(world, "MOBIL", "10.0.0.7")
    refuse(world, "MOBIL", "10.0.0.8")
    answer = visitor.send_form("/devices/MOBIL/approve", modalities="DX", allowed_from="")
    assert answer.status_code == 422 and "called from several addresses" in answer.text
    visitor.send_form("/devices/MOBIL/approve", modalities="DX", allowed_from="10.0.0.0/24")
    assert document(world, "MOBIL")["allowed_from"] == ["10.0.0.0/24"]


def test_a_known_device_that_calls_somebody_else(world: Any, visitor: Any) -> None:
    """Letting it in would change nothing: the page says what would."""
    refuse(world, "DX1", reason="calls another AE title")
    page = visitor.get("/devices/DX1/approve").text
    assert "which letting it in does not change" in page and 'action="/devices/DX1/approve"' not in page
    assert visitor.send_form("/devices/DX1/approve").status_code == 422


def test_a_device_of_the_file_that_called_from_elsewhere(world: Any, port: int) -> None:
    device = Device("DX1", allowed_from=(ip_network("10.0.0.0/24"),))
    store = DeviceStore(world.database, world.services.clock, [device])
    object.__setattr__(world.services.devices, "store", store)
    refuse(world, "DX1", "10.9.9.9", "address not in allowed_from")
    with world.visitor(port, UserRole.TECHNICIAN) as visitor:
        page = visitor.get("/devices/DX1/approve").text
    assert "Add 10.9.9.9 to its allowed_from" in page and 'action="/devices/DX1/approve"' not in page


def test_ignored_until_it_calls_again(world: Any, visitor: Any) -> None:
    refuse(world, "SPY")
    assert visitor.send_form("/devices/SPY/ignore").headers["location"] == "/devices"
    assert "SPY" not in visitor.get("/devices/list").text
    assert [row["action"] for row in world.services.audit.of("device SPY")] == ["refused device ignored"]
    refuse(world, "SPY")
    assert "SPY" in visitor.get("/devices/list").text


@pytest.mark.parametrize("ae_title", AWKWARD)
def test_places_of_awkward_titles(ae_title: str) -> None:
    place = device_path(ae_title).removeprefix("/devices/")
    assert re.fullmatch(r"[A-Za-z0-9._~%-]+", place) and place not in ("new", "list")
    assert ae_title_of(unquote(place)) == ae_title  # the server undoes one quoting


@pytest.mark.parametrize("ae_title", [title for title in AWKWARD if title != "DX1"])
def test_pages_of_awkward_titles(world: Any, visitor: Any, ae_title: str) -> None:
    added = visitor.send_form("/devices", ae_title=ae_title, services="worklist")
    assert added.status_code == 303, added.text
    assert visitor.get(added.headers["location"]).status_code == 200
    page = visitor.get(device_path(ae_title))
    assert page.status_code == 200 and f" {ae_title} · " in text_of(page.text) and "never heard of" in page.text
    assert device_path(ae_title) in visitor.get("/devices").text
    assert visitor.send_form(device_path(ae_title, "change"), modalities="DX").status_code == 303
    assert document(world, ae_title)["modalities"] == ["DX"]


def test_the_page_of_a_device(world: Any, visitor: Any, bodies: Any) -> None:
    world.time[0] = 1_790_000_000_000_000
    saw(world, "DX1", ServiceUsed.ASSOCIATION, ServiceUsed.MPPS)
    world.asks(b"")
    world.services.studies.quarantine(Quarantined("DX1", "10.0.0.1", "1.2", "1.2.3", 0xA900, "no <UID>", "q/1", 10))
    page = visitor.get("/devices/DX1")
    shown = text_of(page.text)
    for words in ("has called lately", "1 image refused", "no <UID>", "Services it used", "answered", "127.0.0.1"):
        assert words in shown or words == "127.0.0.1"
    assert "<UID>" not in page.text
    rows = world.services.audit.of("device DX1")
    assert [(row["action"], row["who"]) for row in rows] == [("viewed", "user the technician")]


def test_open_steps_of_today(world: Any, visitor: Any, bodies: Any) -> None:
    with world.client(int(visitor.base_url.port)) as client:
        body = bodies("A-77")
        step = body["procedures"][0]["steps"][0]
        step |= {"start": "2026-09-21T15:30", "station_ae_titles": ["DX1"], "modality": "DX"}
        assert client.post("/api/v1/orders", json=body).status_code == 201
        other = bodies("A-78")
        other["procedures"][0]["steps"][0] |= {"start": "2026-09-22T15:30", "station_ae_titles": ["DX1"]}
        assert client.post("/api/v1/orders", json=other).status_code == 201
    section = visitor.get("/devices/DX1").text.split('id="steps-title"')[1].split("</section>")[0]
    assert "15:30" in section and section.count("/orders/") == 1


def test_echo(world: Any, visitor: Any) -> None:
    visitor.send_form("/devices", ae_title="DX5", host="10.0.0.9", port="104")
    world.echoed["DX5"] = Echoed(True, "0x0000 Success", 3.2)
    within = visitor.post("/devices/DX5/echo", data={"csrf": visitor.mark}, headers={"HX-Request": "true"})
    assert "The device answers." in within.text and "<html" not in within.text
    words = "no connection to 10.0.0.9:104: connection refused: nothing listens on that port, or a firewall refuses it"
    world.echoed["DX5"] = Echoed(False, words)
    whole = visitor.send_form("/devices/DX5/echo").text
    assert "<html" in whole and "no program listens on this port" in whole and words in whole


def test_echo_of_a_device_of_unknown_place(world: Any, visitor: Any) -> None:
    def no_host(device: Any) -> Echoed:
        raise Conflict(f"device {device.ae_title} has no host: enter where it listens (host and port) first")

    object.__setattr__(world.services.devices, "echo", no_host)
    assert "enter its address and port first" in visitor.send_form("/devices/DX1/echo").text


def test_the_sheet(visitor: Any) -> None:
    visitor.send_form("/devices", ae_title="IO/2", modalities="IO", services=["worklist", "storage"])
    page = visitor.get(device_path("IO/2", "sheet"))
    shown = text_of(page.text)
    for words in ("Its own AE title IO/2", "DCMGATEWAY", "192.168.1.10", "11112", "2762", "(0040,0001)", "Modality"):
        assert words in shown
    assert "switch it off: this device may not use it" in shown and "spelt exactly so" in shown


def test_roles(world: Any, port: int) -> None:
    for role in (UserRole.FRONT_DESK, UserRole.CLINICIAN):
        with world.visitor(port, role) as visitor:
            assert visitor.get("/devices").status_code == 403
            assert visitor.send_form("/devices", ae_title="X").status_code == 403
    with world.visitor(port, UserRole.ADMINISTRATOR) as visitor:
        assert visitor.get("/devices").status_code == 200


def test_no_device(visitor: Any) -> None:
    for path in ("/devices/NONE", "/devices/NONE/sheet", "/devices/NONE/change", "/devices/NONE/approve"):
        assert visitor.get(path).status_code == 404
    assert visitor.send_form("/devices/NONE/ignore").status_code == 404


def test_many_unknown_devices(world: Any, visitor: Any) -> None:
    for number in range(60):
        refuse(world, f"D{number}")
    page = visitor.get("/devices").text
    assert page.count('class="card waits"') == 50 and "Others called longer ago: 10." in page


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("no such host: dx has no address", "IP address"),
        ("no connection to h:1: no answer within 5 s; is it switched on?", "switched on"),
        ("no connection to h:1: connection refused: nothing listens", "no program listens"),
        ("no connection to h:1: No route to host", "Compare the address"),
        ("DX at h:1 rejected the association: calling AE title not recognised: it", "does not know this gateway"),
        ("DX at h:1 rejected the association: called AE title not recognised", "calls itself otherwise"),
        ("DX at h:1 rejected the association: it is too busy just now", "busy"),
        ("DX at h:1 took the association, but nothing that was asked for: x", "does no harm"),
        ("DX at h:1 did not answer the request for an association within 5 s, or", "does not speak DICOM"),
        ("DX at h:1 aborted the association: by its application", "does not speak DICOM"),
        ("something new", "Compare address, port"),
    ],
)
def test_advice_after_an_echo(words: str, advice: str) -> None:
    found = echo_advice(Echoed(False, words))
    assert found is not None and advice in found.message


def test_words_are_complete() -> None:
    assert set(HABITS) == set(Habit)
    assert {light.value for light in LIGHTS} == {"good", "idle", "warning", "bad"}
    assert echo_advice(Echoed(True, "fine", 1.0)) is None
    assert sheet_words("something new") == "something new"


def test_every_sentence_of_a_sheet_is_known() -> None:
    network = (ip_network("10.0.0.0/8"),)
    places = [Place("GW", "", 1, 2, True, local, True) for local in (True, False)]
    devices = [
        Device("A"), Device("B", allowed_from=network, modalities=("DX",), services=frozenset({Service.WORKLIST})),
        Device("C", sends_mpps=False),
    ]  # fmt: skip
    for device in devices:
        for place in places:
            sheet = sheet_document(device, place)
            for text in (*sheet["notes"], *(one["words"] for one in sheet["services"])):
                assert isinstance(sheet_words(text), Text), text


def test_a_name_that_differs_in_capitals(world: Any, visitor: Any) -> None:
    refuse(world, "dx1")
    refuse(world, "DX9")
    page = text_of(visitor.get("/devices").text)
    assert page.count("differs only in its capitals from DX1") == 1
    assert "differs only in its capitals from DX1" in text_of(visitor.get("/devices/dx1/approve").text)


def test_modalities_are_capitals(world: Any, visitor: Any) -> None:
    visitor.send_form("/devices", ae_title="DX5", modalities="dx, Io")
    assert document(world, "DX5")["modalities"] == ["DX", "IO"]


def test_what_was_heard_last_is_live(world: Any, visitor: Any) -> None:
    page = visitor.get("/devices/DX1").text
    assert 'hx-get="/devices/DX1/seen"' in page and "never heard of" in page and "Call it now" not in page
    saw(world, "DX1", ServiceUsed.ASSOCIATION)
    part = visitor.get("/devices/DX1/seen").text
    assert "has called lately" in part and "<html" not in part
