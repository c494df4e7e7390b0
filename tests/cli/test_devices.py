"""`dicom-gateway devices`: entering, showing, changing, testing, importing and approving devices."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dicom_gateway.cli.device_options import OPTIONS
from dicom_gateway.core.device_document import DeviceDocument
from dicom_gateway.core.habits import Habit
from dicom_gateway.gateway import Gateway
from dicom_gateway.settings_loading import load_settings
from dicom_gateway.storage.observation_rows import SeenRow, put_habits
from tests.cli.tools import answer, dcmtk_server, run, said
from tests.e2e.program import Program, free_port

Make = Callable[..., Program]
DX1 = '[[device]]\nae_title = "DX1"\nmodalities = ["DX"]\n'
EVERY_FIELD = {
    "host": "192.168.1.21",
    "port": 104,
    "modalities": ["PX", "DX"],
    "allowed_from": ["192.168.1.21/32", "10.0.0.0/8"],
    "services": ["worklist", "storage"],
    "character_sets": ["ISO_IR 100"],
    "unencodable": "refuse",
    "station_names": ["Room 2"],
    "animal_names": "animal^owner",
    "sends_mpps": False,
    "hides_started": True,
    "quiet_seconds": 30,
    "incomplete_after_seconds": 300,
    "associations": 2,
    "object_mb": 500,
    "stock_association": True,
}


def options(fields: dict[str, object]) -> list[str]:
    """Return the fields of a device as they are typed."""
    typed: list[str] = []
    for field, value in fields.items():
        option = OPTIONS[field]
        if isinstance(value, bool):
            typed.append(option if value else option.replace("--", "--no-", 1))
        else:
            for one in value if isinstance(value, list) else [value]:
                typed += [option, str(one)]
    return typed


@contextmanager
def opened(program: Program) -> Iterator[Gateway]:
    """The parts of a gateway that does not run."""
    gateway = Gateway(load_settings(program.config))
    gateway.migrate()
    yield gateway
    gateway.close()


def refuse(program: Program, ae_title: str, address: str = "10.0.0.7", reason: str = "unknown device") -> None:
    """Record what a device tried."""
    with opened(program) as gateway:
        gateway.unknown_devices.record(ae_title, address, "PACS", reason, ["Verification SOP Class"], tls=True)


def test_each_field_has_an_option_and_goes_in_and_out(program: Make) -> None:
    gateway = program()
    assert {"ae_title", *EVERY_FIELD} == set(DeviceDocument.model_fields)
    said(gateway, "devices", "add", "PANO1", *options(EVERY_FIELD))
    shown = answer(gateway, "devices", "show", "PANO1")
    assert {**EVERY_FIELD, "ae_title": "PANO1", "origin": "database"}.items() <= shown.items()
    assert (shown["last_seen_at"], shown["habits"]) == (None, [])


def test_list_and_show(program: Make) -> None:
    gateway = program(DX1)
    said(gateway, "devices", "add", "PANO1", "--host", "192.168.1.21", "--port", "104", "--from", "192.168.1.21")
    assert said(gateway, "devices", "list").splitlines() == [
        "DX1\tDX\t\tany address\tworklist, mpps, storage\tgateway.toml\t",
        "PANO1\t\t192.168.1.21:104\t192.168.1.21/32\tworklist, mpps, storage\there\t",
    ]
    assert [one["origin"] for one in answer(gateway, "devices", "list")] == ["file", "database"]
    lines = [line.split(None, 2) for line in said(gateway, "devices", "show", "DX1").splitlines()]
    assert ["host", "not", "known"] in lines
    assert ["configured", "in", "gateway.toml"] in lines
    assert ["last", "seen", "never"] in lines
    assert "no device PANO2" in said(gateway, "devices", "show", "PANO2", code=1)


def test_habits_are_shown(program: Make) -> None:
    gateway = program(DX1)
    with opened(gateway) as parts:
        row = SeenRow(("DX1", Habit.QUIRK, "sends private keys"), 1_795_420_800_000_000, 1_795_420_860_000_000, 2)
        parts.database.write(lambda tx: put_habits(tx, [row]))
    shown = said(gateway, "devices", "show", "DX1")
    assert "last seen                 2026-11-23T08:01:00.000Z" in shown
    assert "quirk\t2026-11-23T08:01:00.000Z\tsends private keys" in shown
    assert answer(gateway, "devices", "show", "DX1")["habits"] == [
        {"kind": "quirk", "name": "sends private keys", "last_at": "2026-11-23T08:01:00.000Z"}
    ]
    assert said(gateway, "devices", "list").endswith("\t2026-11-23T08:01:00.000Z\n")


def test_edit_changes_what_is_named(program: Make) -> None:
    gateway = program()
    said(gateway, "devices", "add", "PANO1", *options(EVERY_FIELD))
    before = answer(gateway, "devices", "show", "PANO1")
    typed = ["--modality", "", "--from", "10.0.0.1", "--quiet-seconds", "", "--host", "", "--sends-mpps"]
    said(gateway, "devices", "edit", "PANO1", *typed)
    changed = {
        "modalities": [],
        "allowed_from": ["10.0.0.1/32"],
        "quiet_seconds": None,
        "host": "",
        "sends_mpps": True,
    }
    assert answer(gateway, "devices", "show", "PANO1") == before | changed


@pytest.mark.parametrize("command", ["add", "edit"])
def test_what_is_wrong_is_told_by_option(program: Make, command: str) -> None:
    gateway = program()
    ae_title = "PANO1"
    if command == "edit":
        said(gateway, "devices", "add", ae_title)
    wrong = {"host": "no host", "port": 65536, "allowed_from": ["10.0.0.0/8", "x"], "services": ["print"]}
    done = run(gateway, "devices", command, ae_title, *options(wrong))
    assert done.returncode == 2
    for option in ("--host: is neither", "--port: must be at most 65535", "--from: is not an IP network", "--service:"):
        assert option in done.stderr


@pytest.mark.parametrize(
    ("typed", "code", "why"),
    [
        (["add", "DX1"], 1, "configured in gateway.toml"),
        (["add", "A" * 17], 2, "ae_title: is not an AE title"),
        (["add", "DCMGATEWAY"], 2, "the gateway itself"),
        (["edit", "DX1", "--port", "104"], 1, "configured in gateway.toml"),
        (["edit", "PANO1", "--port", "104"], 1, "no device PANO1"),
        (["edit", "DX1"], 2, "nothing to change"),
        (["remove", "DX1"], 1, "configured in gateway.toml"),
        (["remove", "PANO1"], 1, "no device PANO1"),
        (["echo", "DX1"], 1, "device DX1 has no host"),
        (["sheet", "PANO1"], 1, "no device PANO1"),
        (["approve", "PANO1"], 1, "`dicom-gateway devices unknown` lists"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_refused_says_why(program: Make, typed: list[str], code: int, why: str) -> None:
    assert why in said(program(DX1), "devices", *typed, code=code)


def test_twice_and_removed(program: Make) -> None:
    gateway = program()
    said(gateway, "devices", "add", "PANO1")
    assert "AE titles are unique" in said(gateway, "devices", "add", "PANO1", code=1)
    assert said(gateway, "devices", "remove", "PANO1") == "removed PANO1\n"
    assert said(gateway, "devices", "list") == ""


def test_a_device_that_the_file_hides(program: Make) -> None:
    gateway = program()
    said(gateway, "devices", "add", "DX1", "--modality", "PX")
    with gateway.config.open("a") as file:
        file.write(DX1)
    assert "\tgateway.toml, which hides another one added here\t" in said(gateway, "devices", "list")
    said(gateway, "devices", "remove", "DX1")
    assert "\tgateway.toml\t" in said(gateway, "devices", "list")


def test_echo(program: Make) -> None:
    gateway = program()
    with dcmtk_server("storescp") as port:
        said(gateway, "devices", "add", "PANO1", "--host", "127.0.0.1", "--port", str(port))
        assert f"PANO1 at 127.0.0.1:{port} answered: " in said(gateway, "devices", "echo", "PANO1")
        assert answer(gateway, "devices", "echo", "PANO1")["answered"] is True
    said(gateway, "devices", "edit", "PANO1", "--port", str(free_port()))
    # Processes of their own: pynetdicom leaves a socket that was refused to the garbage collector.
    failed = gateway.run("devices", "echo", "PANO1", check=False)
    assert failed.returncode == 1
    assert "nothing listens on that port" in failed.stderr
    found = json.loads(gateway.run("devices", "echo", "PANO1", "--json", check=False).stdout)
    assert (found["answered"], found["milliseconds"]) == (False, None)


def test_an_import_can_be_repeated(program: Make, tmp_path: Path) -> None:
    gateway = program(DX1)
    file = tmp_path / "orthanc.json"
    modalities = {
        "ct": ["CT1", "192.168.1.20", 104, "GE"],
        "dx": ["DX1", "192.168.1.22", 104],
        "own": ["DCMGATEWAY", "192.168.1.23", 104],
        "bad": ["CT2"],
    }
    file.write_text(f'{{ // comment\n"DicomModalities": {json.dumps(modalities)} }}')
    done = run(gateway, "devices", "import", str(file))
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "ct: CT1 added",
        "dx: DX1 left as gateway.toml has it",
        "1 added, 1 left as gateway.toml has it, 2 left out",
    ]
    for told in ('ct: without Manufacturer "GE"', "own: left out: DCMGATEWAY is", "bad: left out: it must be"):
        assert told in done.stderr
    assert "without a modality: CT1;" in done.stderr
    before = answer(gateway, "devices", "list")
    del modalities["own"], modalities["bad"]
    file.write_text(json.dumps(modalities))
    assert "ct: CT1 unchanged" in said(gateway, "devices", "import", str(file))
    assert answer(gateway, "devices", "list") == before
    file.write_text("<xml/>")
    assert "orthanc.json: this is not JSON" in said(gateway, "devices", "import", str(file), code=2)
    file.write_bytes(b'{"\xff": 1}')
    assert "orthanc.json is not UTF-8" in said(gateway, "devices", "import", str(file), code=2)


def test_who_was_refused_is_listed_and_approved(program: Make) -> None:
    gateway = program()
    assert said(gateway, "devices", "unknown") == ""
    refuse(gateway, "NEW")
    refuse(gateway, "NEW", "10.0.0.8")
    refuse(gateway, "OTHER")
    (first, *_) = said(gateway, "devices", "unknown").splitlines()
    cells = first.split("\t")
    assert cells[:5] + cells[6:] == [
        "OTHER", "10.0.0.7", "PACS", "unknown device", "1", "yes", "Verification SOP Class",
    ]  # fmt: skip
    assert [one["address"] for one in answer(gateway, "devices", "unknown")] == ["10.0.0.7", "10.0.0.8", "10.0.0.7"]
    done = run(gateway, "devices", "approve", "OTHER")
    assert (done.returncode, done.stdout) == (0, "approved OTHER from 10.0.0.7/32\n")
    assert "without a modality: OTHER" in done.stderr
    assert "called from 10.0.0.7/32 and 10.0.0.8/32" in said(gateway, "devices", "approve", "NEW", code=1)
    typed = ["--from", "10.0.0.0/24", "--modality", "DX"]
    done = run(gateway, "devices", "approve", "NEW", *typed)
    assert (done.returncode, done.stdout, done.stderr) == (0, "approved NEW from 10.0.0.0/24\n", "")
    assert said(gateway, "devices", "unknown") == ""
    refuse(gateway, "BAD")
    assert "--from: is not an IP network" in said(gateway, "devices", "approve", "BAD", "--from", "x", code=2)


def test_one_that_differs_in_capitals_is_named(program: Make) -> None:
    gateway = program(DX1)
    refuse(gateway, "dx1")
    assert "there is a device DX1, which differs from dx1 in capitals only" in run(
        gateway, "devices", "approve", "dx1"
    ).stderr  # fmt: skip
    refuse(gateway, "NEW")
    assert "capitals" not in run(gateway, "devices", "approve", "NEW").stderr


def test_sheet(program: Make) -> None:
    gateway = program(DX1)
    page = said(gateway, "devices", "sheet", "DX1")
    assert page.startswith("Device DX1: what to enter at its console\n")
    assert f"  Port                          {gateway.dicom_port}\n" in page
    assert answer(gateway, "devices", "sheet", "DX1")["gateway"]["port"] == gateway.dicom_port
