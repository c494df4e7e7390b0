"""Why is it not on my device? Mistakes that practices make, through the real services: each has its true reason."""

from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence as Items

from dicom_gateway.core.devices import AnimalNames, Device, Service, Unencodable
from dicom_gateway.core.model import Order
from dicom_gateway.dicom.contexts import VERIFICATION, WORKLIST_FIND
from dicom_gateway.dicom.explaining import Explainer
from dicom_gateway.storage.worklist import Worklist
from tests.dicom import wire
from tests.dicom.conftest import Serve
from tests.dicom.objects import image, keys, performed, reference
from tests.dicom.running import LOOPBACK, TESTER, ZONE, Running, wait_for

Act = Callable[[Running, Order], object]
MIDDAY = 1_795_435_200_000_000  # 2026-11-23T13:00 in Berlin


def asks(**attributes: Any) -> Act:
    """Ask the worklist with these keys."""
    return lambda gateway, order: gateway.find(keys(**attributes))


def asks_in(character_set: str, **attributes: Any) -> Act:
    return asks(SpecificCharacterSet=character_set, **attributes)


def asks_for_code(gateway: Running, order: Order) -> None:
    code = Dataset()
    code.CodeValue = "BW"
    gateway.find(keys(ScheduledProtocolCodeSequence=Items([code])))


def echoes(gateway: Running, order: Order) -> None:
    with gateway.associate((VERIFICATION, (wire.EXPLICIT,))) as association:
        assert association.request(1, {"CommandField": wire.C_ECHO, "AffectedSOPClassUID": VERIFICATION}).status == 0


def stores(gateway: Running, order: Order) -> None:
    assert gateway.store(image()).status == 0


def reports(gateway: Running, order: Order) -> None:
    assert gateway.create_mpps(None, performed()).status == 0


def begins(gateway: Running, order: Order) -> None:
    """Report the order's step as started."""
    assert gateway.create_mpps(None, performed(reference(order), PatientID=order.patient.id)).status == 0


def cancels(gateway: Running, order: Order) -> None:
    gateway.orders.cancel(order.id, TESTER)


def is_refused(called: str = "DCMGATEWAY") -> Act:
    def act(gateway: Running, order: Order) -> None:
        assert gateway.associate((WORKLIST_FIND, (wire.EXPLICIT,)), called=called).rejected is not None

    return act


def sends_garbage(gateway: Running, order: Order) -> None:
    assert gateway.find(b"\x08\x00\x05\x00CS\xff\xff").statuses == [0xC000]


def nothing(gateway: Running, order: Order) -> None:
    """Do nothing."""


def all_of(*acts: Act) -> Act:
    def act(gateway: Running, order: Order) -> None:
        for one in acts:
            one(gateway, order)

    return act


DX1 = Device("DX1", modalities=("DX",), allowed_from=LOOPBACK)


def device(**changes: Any) -> dict[str, Any]:
    values = {name: getattr(DX1, name) for name in DX1.__dataclass_fields__} | changes
    return {"devices": (Device(**values),)}


@dataclass(frozen=True)
class Case:
    """What happens, and what is said of it."""

    name: str
    act: Act
    why: str
    words: tuple[str, ...]
    order: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


MISTAKES = [
    Case(
        "another station",
        asks(ScheduledStationAETitle="CT1"),
        "keys do not match",
        ("asks for station CT1, the step is for PANO1",),
        {"station_ae_titles": ["PANO1"]},
    ),
    Case(
        "the station in other capitals",
        asks(ScheduledStationAETitle="dx1"),
        "keys do not match",
        ("asks for station dx1, the step is for DX1 (capitals count)",),
    ),
    Case(
        "a step without a station",
        asks(ScheduledStationAETitle="DX1"),
        "keys do not match",
        ("asks for station DX1, the step names no station",),
        {"station_ae_titles": [], "modality": "PX"},
    ),
    Case(
        "another modality",
        asks(Modality="DX"),
        "keys do not match",
        ("asks for modality DX, the step is IO",),
        {"modality": "IO"},
    ),
    Case(
        "another day",
        asks(ScheduledProcedureStepStartDate="20261122"),
        "keys do not match",
        ("asks for 2026-11-22, the step is on 2026-11-23",),
    ),
    Case(
        "a period that has ended",
        asks(ScheduledProcedureStepStartDate="20261101-20261122"),
        "keys do not match",
        ("asks for 2026-11-01 to 2026-11-22, the step is on 2026-11-23",),
    ),
    Case(
        "a time of day alone",
        asks(ScheduledProcedureStepStartTime="1200-"),
        "keys do not match",
        ("asks for the time 12:00 or later, the step is at 10:15",),
    ),
    Case(
        "a night in one range of times",
        asks(ScheduledProcedureStepStartDate="20261123", ScheduledProcedureStepStartTime="2200-0600"),
        "keys do not match",
        ("asks for the time 22:00 to 06:00, the step is at 10:15 (a time alone never reaches over midnight)",),
    ),
    Case(
        "a period of date and time",
        asks(ScheduledProcedureStepStartDate="20261123-20261124", ScheduledProcedureStepStartTime="1200-0600"),
        "keys do not match",
        ("asks for 2026-11-23 12:00 to 2026-11-24 06:00, the step is on 2026-11-23 10:15",),
    ),
    Case(
        "a part of the patient ID",
        asks(PatientID="12"),
        "keys do not match",
        ("asks by PatientID 12, the order has 123 (the whole value is compared",),
        {"patient_id": "123"},
    ),
    Case(
        "leading zeros of the patient ID",
        asks(PatientID="123"),
        "keys do not match",
        ("asks by PatientID 123, the order has 00123 (leading zeros count)",),
        {"patient_id": "00123"},
    ),
    Case(
        "a name without *",
        asks(PatientName="Doe"),
        "keys do not match",
        ("asks by name Doe, the order has Doe^Rex (the whole value is compared; * stands for any characters)",),
    ),
    Case(
        "an umlaut spelt out",
        asks(PatientName="Mueller*"),
        "keys do not match",
        ("asks by name Mueller*, the order has Müller^Rex (accents do not count, but ue is not ü)",),
        {"patient_name": "Müller^Rex"},
    ),
    Case(
        "a name that the query's character set cannot carry",
        asks_in("ISO_IR 100", PatientName="Zhukov*"),
        "character set",
        ("the order has Жуков^Rex; it was asked in ISO_IR 100, which cannot carry it",),
        {"patient_name": "Жуков^Rex"},
    ),
    Case(
        "another accession number",
        asks(AccessionNumber="A-7"),
        "keys do not match",
        ("asks by accession number A-7, the order has A-77 (the whole",),
        {"accession_number": "A-77"},
    ),
    Case(
        "a protocol code",
        asks_for_code,
        "keys do not match",
        ("asks by ScheduledProtocolCodeSequence with CodeValue BW, the order has none",),
    ),
    Case(
        "a key that cannot be read",
        asks(ScheduledProcedureStepStartDate="today"),
        "keys do not match",
        ("asks for today, which cannot be read, so it finds nothing",),
    ),
    Case(
        "a status that it has not",
        asks(ScheduledProcedureStepStatus="ARRIVED"),
        "keys do not match",
        ("asks for the status ARRIVED, the step is SCHEDULED",),
    ),
    Case(
        "the step was cancelled",
        all_of(asks(), cancels),
        "hidden status",
        ("the step is CANCELED: what has ended is left out; it was served until 20",),
    ),
    Case(
        "begun steps are hidden for the device",
        all_of(asks(), begins),
        "hidden status",
        ("status STARTED is hidden for this device; it was served until 20",),
        settings=device(hides_started=True),
    ),
    Case(
        "an old step",
        asks(),
        "too old",
        ("the step is of 2026-11-01, and hide_after_days leaves steps of earlier days out",),
        {"start": "2026-11-01T10:00"},
        {"hide_after_days": 7, "clock": lambda: MIDDAY},
    ),
    Case(
        "too many answers",
        lambda gateway, order: all_of(lambda *_: gateway.add_order(), asks())(gateway, order),
        "too many answers",
        ("finds more than 1 steps and was refused",),
        settings={"max_answers": 1},
    ),
    Case(
        "a name that may not be transliterated",
        asks(),
        "character set",
        ("was refused as a whole: step SPS", "cannot encode PatientName in this device's sets"),
        {"patient_name": "Жуков^Rex"},
        device(character_sets=("ISO_IR 100",), unencodable=Unencodable.REFUSE),
    ),
    Case(
        "a device that nobody configured",
        is_refused(),
        "unknown device",
        ("the gateway does not know a device DX1 and refuses it; it tried last at 20", "from 127.0.0.1"),
        settings={"devices": ()},
    ),
    Case(
        "a device that nobody configured and that never called",
        nothing,
        "unknown device",
        ("the gateway does not know a device DX1 and refuses it; it never tried",),
        settings={"devices": ()},
    ),
    Case(
        "a device of another address",
        is_refused(),
        "refused",
        ("the gateway refused DX1 at 20", "from 127.0.0.1: address not in allowed_from"),
        settings=device(allowed_from=(ip_network("192.0.2.0/24"),)),
    ),
    Case(
        "another called AE title",
        is_refused("OTHERPACS"),
        "refused",
        ("calls another AE title (OTHERPACS)",),
        settings={"check_called_ae_title": True},
    ),
    Case(
        "a device that may not ask",
        stores,
        "service not allowed",
        ("DX1 may not use the worklist",),
        settings=device(services=frozenset({Service.STORAGE})),
    ),
    Case("a device that never called", nothing, "never seen", ("DX1 has never called this gateway",)),
    Case(
        "a device that only verifies", echoes, "never asked", ("never asked for a worklist; it verified (C-ECHO) at",)
    ),
    Case("a device that only sends images", stores, "never asked", ("never asked for a worklist; it sent images at",)),
    Case("a device that only reports", reports, "never asked", ("it reported by MPPS at",)),
    Case("a query that cannot be read", sends_garbage, "query cannot be read", ("cannot be read (status C000)",)),
]


@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: case.name)
def test_a_mistake_has_its_reason(serve: Serve, case: Case) -> None:
    gateway = serve(**case.settings)
    order = gateway.add_order(**case.order)
    case.act(gateway, order)
    step = explained(gateway, order, case.why, *case.words)
    assert step["action"]
    assert not step["on_worklist"]


def explained(gateway: Running, order: Order, why: str, *words: str) -> dict[str, Any]:
    """Return what is said of the only step of an order, once it is that: observations are written a moment later."""
    explainer = Explainer(
        gateway.observations,
        gateway.unknown_devices,
        Worklist(gateway.database),
        lambda: gateway.devices,
        gateway.settings.clock,
        ZONE,
        gateway.settings.max_answers,
        gateway.settings.hide_after_days,
    )
    found: list[dict[str, Any]] = []

    def said() -> bool:
        found[:] = explainer.explain(gateway.orders.get(order.id), "DX1")["steps"]
        return found[0]["why"] == why and all(one in found[0]["reason"] for one in words)

    try:
        wait_for(said, why, seconds=5)
    except AssertionError:
        raise AssertionError(found) from None
    return found[0]


def test_a_step_that_is_on_the_worklist(serve: Serve) -> None:
    gateway = serve()
    order = gateway.add_order()
    gateway.find(keys(ScheduledStationAETitle="DX1", Modality="DX"))
    step = explained(gateway, order, "on it")
    assert step["on_worklist"] and step["action"] is None
    assert step["reason"].startswith("is on it: served at 20")
    assert step["served"]["first_at"] == step["served"]["last_at"]
    (query,) = step["queries"]
    assert (query["status"], query["answers"], query["address"]) == ("0000", 1, "127.0.0.1")
    assert {key["key"]: (key["matched"], key["asked"], key["has"]) for key in query["keys"]} == {
        "ScheduledStationAETitle": (True, "DX1", "DX1"),
        "Modality": (True, "DX", "DX"),
    }


def test_an_order_that_came_after_the_query(serve: Serve) -> None:
    gateway = serve()
    gateway.find(keys(Modality="DX"))
    order = gateway.add_order()
    step = explained(gateway, order, "asked before")
    assert "the order came 20" in step["reason"] and step["action"] == "ask again at the device"
    gateway.find(keys(Modality="DX"))
    assert explained(gateway, order, "on it")["on_worklist"]


def test_an_order_that_was_mended_after_the_query(serve: Serve) -> None:
    gateway = serve()
    order = gateway.add_order(modality="IO", placer_order_number="A-1", patient_id="P-1")
    gateway.find(keys(Modality="DX"))
    explained(gateway, order, "keys do not match")
    gateway.add_order(modality="DX", placer_order_number="A-1", patient_id="P-1")
    assert "the order was changed 20" in explained(gateway, order, "asked before")["reason"]


def test_a_device_that_was_let_in_after_it_was_refused(serve: Serve) -> None:
    gateway = serve(devices=())
    order = gateway.add_order()
    is_refused()(gateway, order)
    gateway.devices = type(gateway.devices)([DX1], False)
    assert "it may associate now" in explained(gateway, order, "refused")["action"]
    gateway.find(keys())
    explained(gateway, order, "on it")


def test_queries_for_somebody_else_say_nothing_about_this_patient(serve: Serve) -> None:
    gateway = serve()
    order = gateway.add_order()
    gateway.find(keys(Modality="DX"))
    gateway.find(keys(PatientID="somebody else"))
    step = explained(gateway, order, "on it")
    wait_for(lambda: len(gateway.observations.queries_of("DX1")) == 2, "both queries")
    step = explained(gateway, order, "on it", "did not find it: asks by PatientID somebody else")
    assert [query["why"] for query in step["queries"]] == ["keys do not match", "on it"]


def test_a_name_as_the_device_has_it(serve: Serve) -> None:
    gateway = serve(**device(animal_names=AnimalNames.ANIMAL_FIRST))
    order = gateway.add_order(species="Canine")
    gateway.find(keys(PatientName="Doe^*"))
    assert "the order has Rex^Doe" in explained(gateway, order, "keys do not match")["reason"]


def test_searches_push_the_usual_query_not_out(serve: Serve) -> None:
    gateway = serve()
    order = gateway.add_order(modality="IO")
    gateway.find(keys(Modality="DX"))
    for number in range(9):
        gateway.find(keys(PatientName=f"Other{number}*"))
    explained(gateway, order, "keys do not match", "asks for modality DX, the step is IO")
    wait_for(lambda: sum(one.times for one in gateway.observations.queries_of("DX1")) == 10, "every query")
    assert len(gateway.observations.queries_of("DX1")) == 2
    explained(gateway, order, "keys do not match", "asks for modality DX, the step is IO")


def test_an_ae_title_in_other_capitals(serve: Serve) -> None:
    gateway = serve(**device(ae_title="dx1"))
    order = gateway.add_order(station_ae_titles=["dx1"])
    explained(gateway, order, "unknown device", "there is a device dx1, which differs in capitals only")
