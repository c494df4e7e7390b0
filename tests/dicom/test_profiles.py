"""What the worklist makes of a device's profile: started steps hidden, owner and animal in its order."""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from pydicom.uid import generate_uid

from dicom_gateway.core.devices import AnimalNames, Device
from dicom_gateway.core.matching import compile_query
from dicom_gateway.core.model import Order
from dicom_gateway.core.order_document import parse_order
from dicom_gateway.dicom.contexts import WORKLIST_FIND
from dicom_gateway.dicom.worklist import WorklistService
from dicom_gateway.storage.worklist import Worklist
from tests.dicom import wire
from tests.dicom.objects import keys, performed, reference
from tests.dicom.running import LOOPBACK, TESTER, ZONE, Running, Settings, now

DEVICES = (
    Device("DX1", allowed_from=LOOPBACK),
    Device("PLAIN", allowed_from=LOOPBACK),
    Device("HIDING", allowed_from=LOOPBACK, hides_started=True),
    Device("SWAPPING", allowed_from=LOOPBACK, animal_names=AnimalNames.ANIMAL_FIRST),
)
DOG = {"species": "dog", "responsible_person": "Smith^John"}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = Running(tmp_path_factory.mktemp("profiles"), Settings(devices=DEVICES))
    yield running
    running.stop()


def add(gateway: Running, name: str, **patient: Any) -> Order:
    number = secrets.token_hex(6)
    step = {"modality": "DX", "station_ae_titles": ["PLAIN"], "start": "2026-11-23T10:15:00"}
    document = {"source": "test", "placer_order_number": number, "procedures": [{"steps": [step]}]}
    document["patient"] = {"id": f"P-{number}", "name": name, **patient}
    return gateway.orders.save(parse_order(document, ZONE), TESTER)[0]


def names(gateway: Running, device: str, **asked: Any) -> list[str]:
    """Return the names that a device is answered."""
    command = {"CommandField": wire.C_FIND, "AffectedSOPClassUID": WORKLIST_FIND, "Priority": 0}
    found: list[str] = []
    with gateway.associate((WORKLIST_FIND, (wire.EXPLICIT,)), calling=device) as association:
        association.send(1, command, wire.encode(keys(**asked)))
        while (message := association.receive()).status == 0xFF00:
            found.append(str(wire.decode(message.data).PatientName))
        assert message.status == 0x0000
    return found


def test_a_started_step_is_hidden_from_a_device_that_wants_it_so(gateway: Running) -> None:
    order = add(gateway, "Hidden^Max")
    this = {"AccessionNumber": order.accession_number}
    assert names(gateway, "HIDING", **this) == names(gateway, "PLAIN", **this) == ["Hidden^Max"]
    gateway.create_mpps(generate_uid(), performed(reference(order), PatientID=order.patient.id))
    for _ in range(2):
        assert names(gateway, "HIDING", **this) == []
        assert names(gateway, "PLAIN", **this) == ["Hidden^Max"]
    assert names(gateway, "HIDING", ScheduledProcedureStepStatus="STARTED", **this) == ["Hidden^Max"]
    assert names(gateway, "HIDING", ScheduledProcedureStepStatus="", **this) == []


@pytest.mark.parametrize(
    ("asked", "plain", "swapping"),
    [
        pytest.param("", True, True, id="everything"),
        pytest.param("Zorro*", False, True, id="animal by its beginning"),
        pytest.param("Vega*", True, False, id="owner by its beginning"),
        pytest.param("zorro^vega", False, True, id="animal^owner"),
        pytest.param("VEGA^ZORRO", True, False, id="owner^animal"),
        pytest.param("*Vega", False, True, id="owner last"),
        pytest.param("Z?rro^*", False, True, id="a wildcard within"),
    ],
)
def test_owner_and_animal_change_places_in_answers_and_in_keys(
    gateway: Running, asked: str, plain: bool, swapping: bool
) -> None:
    order = add(gateway, "Vega^Zorro", **DOG)
    this = {"AccessionNumber": order.accession_number, "PatientName": asked}
    for _ in range(2):  # what is kept for one device is not the other's
        assert names(gateway, "PLAIN", **this) == ["Vega^Zorro"] * plain
        assert names(gateway, "SWAPPING", **this) == ["Zorro^Vega"] * swapping


def test_a_name_alone_finds_the_animal(gateway: Running) -> None:
    """Without another key SQL narrows by the name as orders have it."""
    add(gateway, "Quint^Fluffy", **DOG)
    add(gateway, "Fluffy^Person")
    assert names(gateway, "SWAPPING", PatientName="Fluffy*") == ["Fluffy^Quint", "Fluffy^Person"]
    assert names(gateway, "PLAIN", PatientName="Fluffy*") == ["Fluffy^Person"]


def test_a_person_keeps_the_name(gateway: Running) -> None:
    order = add(gateway, "Doe^Jane", responsible_person="Doe^John", responsible_person_role="PARENT")
    assert names(gateway, "SWAPPING", AccessionNumber=order.accession_number) == ["Doe^Jane"]


def test_what_a_device_would_see_is_told_as_it_would(gateway: Running) -> None:
    order = add(gateway, "Kent^Krypto", **DOG)
    profiles = {device.ae_title: device for device in DEVICES}
    service = WorklistService(Worklist(gateway.database), now, ZONE, 100, 0, profile=profiles.__getitem__)
    asked = keys(order)
    (plain,) = service.find(compile_query(asked), asked, "PLAIN")
    (swapped,) = service.find(compile_query(asked), asked, "SWAPPING")
    assert (plain.PatientName, swapped.PatientName) == ("Kent^Krypto", "Krypto^Kent")
