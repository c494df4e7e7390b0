"""A practice with everything on its pages: orders of animals and people, names that are hard to show, studies of few
and of many images, images and reports of nobody's order, a device that nobody knows."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydicom.uid import generate_uid

from tests.e2e.images import ended, performed_step, write_image
from tests.e2e.program import Program, wait_for
from tests.peers import dcmjs, dcmtk

SAMPLE = Path(__file__).parents[2] / "sample_data" / "hl7" / "orm_dental.hl7"
LONG = "Wolfeschlegelsteinhausenbergerdorff^Hubert Blaine Maximilian Al"
HEBREW = "כהן^רחל"
ARABIC = "محمد^عبد الله"
SCRIPT = "<script>alert(1)</script>^O'Brien & Söhne"
PATIENTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("P-1", "Doe^Rex", {"species": "dog", "breed": "Labrador Retriever", "responsible_person": "Doe^Jane"}),
    ("P-2", LONG, {"species": "Katze", "responsible_person": LONG}),
    ("P-3", HEBREW, {}),
    ("P-4", ARABIC, {"birth_date": "2015-02-03", "sex": "F"}),
    ("P-5", SCRIPT, {"birth_date": "1980-12-24", "sex": "M"}),
    ("P-6", "Miller^Ann", {"birth_date": "1991-05-06"}),
)


@dataclass(frozen=True)
class Filled:
    """What a test needs to find its way: identifiers by name."""

    orders: list[dict[str, Any]]
    study: str
    instance: str
    stray: str
    performed: str
    nobodys: str  # a performed step of no order
    event: str
    message: str


def fill(gateway: Program, folder: Path) -> Filled:
    """Put it all in; return where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    orders = [_order(gateway, number) for number in range(len(PATIENTS))]
    first = orders[0]
    study, uid = first["procedures"][0]["study_instance_uid"], generate_uid()
    port = gateway.dicom_port
    _find(port, "DX1")
    assert dcmjs(port, "DX1", "create", {"uid": uid, "attributes": performed_step(first)})[0]["status"] == 0
    images = [write_image(folder, study, "P-1", number) for number in (1, 2)]
    _send(port, "DX1", [path for path, _ in images])
    done = ended("COMPLETED", study, [name for _, name in images])
    assert dcmjs(port, "DX1", "set", {"uid": uid, "attributes": done})[0]["status"] == 0
    stray = generate_uid()
    _send(port, "DX1", [write_image(folder, stray, "P-99", 1)[0]])
    dcmtk("echoscu", "-aet", "NOBODY", "127.0.0.1", str(port))
    nobodys = generate_uid()
    unplanned = [{"StudyInstanceUID": generate_uid(), "AccessionNumber": "", "RequestedProcedureID": ""}]
    strange = performed_step(orders[1], PatientID="P-98", ScheduledStepAttributesSequence=unplanned)
    assert dcmjs(port, "DX1", "create", {"uid": nobodys, "attributes": strange})[0]["status"] == 0
    own = {"ae_title": "ROOM2", "host": "127.0.0.1", "port": 104, "modalities": ["DX"]}
    assert gateway.api("POST", "/devices", json=own).status_code == 201
    gateway.inside("hl7", "send", str(SAMPLE), "127.0.0.1", gateway.environment["DICOM_GATEWAY_HL7__PORT"])
    wait_for(lambda: gateway.api("GET", f"/orders/{first['id']}").json()["status"] == "COMPLETED")
    wait_for(lambda: gateway.api("GET", "/deliveries").json()["items"])
    event = gateway.api("GET", "/deliveries").json()["items"][0]["event_id"]
    message = gateway.api("GET", "/messages").json()["items"][0]["id"]
    return Filled(orders, study, images[0][1], str(stray), str(uid), str(nobodys), event, str(message))


def fill_with_images(gateway: Program, folder: Path, study: str, patient_id: str, count: int) -> None:
    """Let a device send a study of many images."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [write_image(folder, study, patient_id, n, rows=80, columns=60)[0] for n in range(1, count + 1)]
    _send(gateway.dicom_port, "DX1", paths)


def _find(port: int, station: str) -> None:
    key = f"ScheduledProcedureStepSequence[0].ScheduledStationAETitle={station}"
    found = dcmtk("findscu", "-W", "-aet", station, "-k", "PatientName", "-k", key, "127.0.0.1", str(port))
    assert found.returncode == 0, found.stderr


def _send(port: int, station: str, paths: list[Path]) -> None:
    sent = dcmtk("storescu", "-aet", station, "127.0.0.1", str(port), *map(str, paths))
    assert sent.returncode == 0, sent.stderr


def _order(gateway: Program, number: int) -> dict[str, Any]:
    patient_id, name, more = PATIENTS[number]
    start = datetime.now(ZoneInfo("Europe/Berlin")).replace(microsecond=0, tzinfo=None) + timedelta(minutes=number - 3)
    step: dict[str, Any] = {"modality": "DX", "station_ae_titles": ["DX1"], "start": start.isoformat()}
    if number == 5:
        step |= {"modality": "IO", "station_ae_titles": ["SENSOR1"], "teeth": ["11", "36"]}
    answer = gateway.api(
        "POST",
        "/orders",
        json={
            "source": "mypms",
            "placer_order_number": f"A-{number}",
            "patient": {"id": patient_id, "issuer": "MYPMS", "name": name, **more},
            "procedures": [{"description": "Thorax 2 views", "steps": [step | {"expected_instances": 2}]}],
        },
    )
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.json())
