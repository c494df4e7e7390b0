"""What messages do to what is stored: taken, changed, ended, moved, once however often they come; or nothing at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_gateway.connectors.hl7.apply import Applied, Applier, Stores
from dicom_gateway.connectors.hl7.errors import Hl7Error
from dicom_gateway.connectors.hl7.maps import load_map
from dicom_gateway.connectors.hl7.message import read_message
from dicom_gateway.connectors.hl7.sources import Source
from dicom_gateway.core.model import Order
from dicom_gateway.storage.orders import OrderFilter
from tests.connectors.hl7.samples import OBR, ORC, PID, ZONE, message
from tests.storage.builders import GatewayStore, opened

MYPMS = Source("mypms")


class Pms:
    """A gateway's stores behind the work of messages, and the verbs of a system that sends them."""

    def __init__(self, store: GatewayStore) -> None:
        self.store = store
        maps = {"mypms": load_map(source="mypms"), "other": load_map(source="other")}
        self._work = Applier(Stores(store.orders, store.patients), maps, store.clock, ZONE)

    def send(self, *segments: str, kind: str = "ORM^O01", source: str = "mypms") -> Applied:
        return self._work(read_message(message(*segments, kind=kind)), Source(source), "192.0.2.5")

    def refused(self, *segments: str, kind: str = "ORM^O01") -> tuple[str, str, str]:
        """Send what must be refused, and changes nothing; return ack, code and location."""
        before = self.orders()
        with pytest.raises(Hl7Error) as raised:
            self.send(*segments, kind=kind)
        assert self.orders() == before
        return raised.value.ack, raised.value.code, raised.value.location

    def orders(self) -> list[Order]:
        return sorted(self.store.orders.find(OrderFilter()), key=lambda order: order.placer_order_number)

    def order(self, number: str = "A-1") -> Order:
        (found,) = (order for order in self.orders() if order.placer_order_number == number)
        return found

    def start(self) -> None:
        """Let a device begin the order."""
        self.store.image(study_instance_uid=self.order().procedures[0].study_instance_uid)


@pytest.fixture
def pms(tmp_path: Path) -> Iterator[Pms]:
    with opened(tmp_path / "gateway.db") as store:
        yield Pms(store)


def control(code: str, status: str = "", number: str = "A-1") -> str:
    return f"ORC|{code}|{number}|||{status}||^^^20270115100000"


def test_an_order_is_taken_once(pms: Pms) -> None:
    first, again = pms.send(PID, ORC, OBR), pms.send(PID, ORC, OBR)
    assert first.order_ids == again.order_ids == (pms.order().id,)
    assert (pms.order().source, pms.order().version) == ("mypms", 1)
    audit = pms.store.audit.of(f"order {pms.order().id}")
    assert [(row["who"], row["origin"], row["action"]) for row in audit] == [
        ("hl7 mypms", "192.0.2.5", "order received")
    ]


def test_an_order_is_changed(pms: Pms) -> None:
    pms.send(PID, ORC, OBR)
    pms.send(PID, control("XO"), OBR.replace("|DX", "|CR"))
    assert [step.modality for step in pms.order().steps()] == ["CR"]
    assert pms.order().version == 2


@pytest.mark.parametrize(
    ("code", "status", "after"),
    [("CA", "CA", "CANCELED"), ("DC", "", "DISCONTINUED"), ("SC", "CM", "COMPLETED"), ("XO", "CM", "COMPLETED")],
)
def test_an_order_is_ended_once(pms: Pms, code: str, status: str, after: str) -> None:
    pms.send(PID, ORC, OBR)
    for _ in range(2):
        assert pms.send("PID|1||P-78", control(code, status)).order_ids == (pms.order().id,)
    assert pms.store.statuses(pms.order()) == [after, after]
    assert pms.order().version == 2
    assert pms.store.told() == [f"order.{after.lower()}"]


@pytest.mark.parametrize(("code", "status"), [("CA", "CA"), ("DC", "CA")])
def test_a_started_order_is_not_called_off(pms: Pms, code: str, status: str) -> None:
    pms.send(PID, ORC, OBR)
    pms.start()
    assert pms.refused(PID, control(code, status)) == ("AE", "205", "ORC^1^2^1^1")
    assert pms.store.told()[-1] == "order.cancel_refused"
    assert pms.store.audit.of(f"order {pms.order().id}")[-1]["action"] == "cancel refused"


def test_a_started_order_is_completed(pms: Pms) -> None:
    pms.send(PID, ORC, OBR)
    pms.start()
    pms.send(PID, control("SC", "CM"))
    assert pms.store.statuses(pms.order())[0] == "COMPLETED"


@pytest.mark.parametrize(("code", "status"), [("SC", "CM"), ("DC", "CA"), ("XO", "")])
def test_a_cancelled_order_stays_cancelled(pms: Pms, code: str, status: str) -> None:
    pms.send(PID, ORC, OBR)
    pms.send(PID, control("CA"))
    assert pms.refused(PID, control(code, status), OBR) == ("AE", "205", "ORC^1^2^1^1")


@pytest.mark.parametrize("code", ["CA", "DC"])
def test_what_is_not_known_is_not_ended(pms: Pms, code: str) -> None:
    assert pms.refused(PID, control(code)) == ("AR", "204", "ORC^1^2^1^1")


def test_nobody_ends_the_order_of_another_patient(pms: Pms) -> None:
    pms.send(PID, ORC, OBR)
    assert pms.refused(PID.replace("P-78", "P-79"), control("CA")) == ("AR", "204", "PID^1^3")


def test_an_order_in_progress_elsewhere_is_taken_when_new_only(pms: Pms) -> None:
    pms.send(PID, control("SC", "IP"), OBR)
    applied = pms.send(PID, control("SC", "IP"), OBR.replace("|DX", "|US"))
    assert [step.modality for step in pms.order().steps()] == ["DX"]
    assert applied.remarks == ("the order is known; nothing of it was changed",)


def test_all_orders_of_a_message_are_taken_or_none(pms: Pms) -> None:
    pms.send(PID.replace("P-78", "P-1"), control("NW", "SC", "B-2"), OBR)
    second = (control("NW", "SC", "B-2"), OBR.replace("A-1", "B-2"))
    assert pms.refused(PID, ORC, OBR, *second) == ("AR", "204", "PID^1^3")
    assert pms.refused(PID, ORC, OBR, control("CA", "CA", "C-3")) == ("AR", "204", "ORC^2^2^1^1")
    assert [order.placer_order_number for order in pms.orders()] == ["B-2"]


def test_nothing_is_cancelled_beside_what_cannot_be(pms: Pms) -> None:
    pms.send(PID, ORC, OBR)
    pms.send(PID, control("NW", "SC", "B-2"), OBR)
    pms.start()
    both = (control("CA", "CA", "B-2"), control("CA", "CA", "A-1"))
    assert pms.refused(PID, *both) == ("AE", "205", "ORC^2^2^1^1")


def test_an_accession_number_of_another_patient_is_refused(pms: Pms) -> None:
    request = OBR.replace("|" * 20, "|" * 14 + "ACC-1" + "|" * 6)
    pms.send(PID, ORC, request)
    other = PID.replace("P-78", "P-79")
    assert pms.refused(other, control("NW", "SC", "B-2"), request) == ("AE", "205", "ORC^1^2^1^1")


def test_an_appointment_moves_an_order(pms: Pms) -> None:
    pms.send(PID, ORC, OBR, control("NW", "SC").replace("1000", "1030"), OBR)
    pms.send("SCH|A-1", PID, "AIS|1|A|X|202702011400", "AIL|1|A|ROOM 2", kind="SIU^S13")
    steps = pms.order().steps()
    assert [step.start.isoformat() for step in steps] == ["2027-02-01T14:00:00", "2027-02-01T14:30:00"]
    assert {step.station_name for step in steps} == {"ROOM 2"}
    pms.send("SCH|A-1", PID, kind="SIU^S15")
    assert pms.order().status == "CANCELED"
    pms.send("SCH|A-1", PID, "AIS|1|A|X|202702021400", kind="SIU^S12")
    assert pms.store.statuses(pms.order()) == ["SCHEDULED"] * 3


def test_an_appointment_of_no_order_is_refused(pms: Pms) -> None:
    assert pms.refused("SCH|A-9", PID, "AIS|1|A|X|202702011400", kind="SIU^S12")[:2] == ("AR", "204")


def test_an_appointment_of_what_has_begun_is_refused(pms: Pms) -> None:
    pms.send(PID, ORC, OBR)
    pms.start()
    assert pms.refused("SCH|A-1", PID, "AIS|1|A|X|202702011400", kind="SIU^S13")[:2] == ("AE", "205")


def test_a_patient_is_updated(pms: Pms) -> None:
    pms.send(PID, ORC, OBR)
    assert pms.send('PID|1||P-78^^^MYPMS||Roe^Rex||""', kind="ADT^A08").order_ids == (pms.order().id,)
    patient = pms.order().patient
    assert (patient.name, patient.birth_date, patient.sex) == ("Roe^Rex", None, "M")


def test_a_patient_is_merged_and_its_later_orders_are_the_survivors(pms: Pms) -> None:
    pms.send(PID, ORC, OBR)
    pms.send(PID.replace("P-78", "P-79"), "MRG|P-78^^^MYPMS", kind="ADT^A40")
    assert pms.order().patient.id == "P-79"
    pms.send(PID, control("NW", "SC", "A-2"), OBR)
    assert pms.order("A-2").patient.id == "P-79"
    pms.send(PID, control("CA"))
    assert pms.order().status == "CANCELED"


def test_a_patient_gets_another_id_that_nobody_has(pms: Pms) -> None:
    pms.send(PID, ORC, OBR)
    pms.send(PID.replace("P-78", "P-80"), control("NW", "SC", "A-2"), OBR)
    old = "MRG|P-78^^^MYPMS"
    assert pms.refused(PID.replace("P-78", "P-80"), old, kind="ADT^A47") == ("AR", "205", "PID^1^3")
    pms.send(PID.replace("P-78", "P-79"), old, kind="ADT^A47")
    assert pms.order().patient.id == "P-79"


def test_animals_of_different_species_are_not_merged(pms: Pms) -> None:
    animal = PID + "|" * 27 + "{}"
    pms.send(animal.format("Hund"), ORC, OBR)
    pms.send(animal.format("Katze").replace("P-78", "P-79"), control("NW", "SC", "A-2"), OBR)
    survivor = animal.format("Katze").replace("P-78", "P-79")
    assert pms.refused(survivor, "MRG|P-78^^^MYPMS", kind="ADT^A40")[:2] == ("AE", "205")


def test_a_patient_arrives(pms: Pms) -> None:
    pms.send(PID, ORC, OBR)
    assert pms.send(PID, kind="ADT^A10").order_ids == (pms.order().id,)
    assert pms.store.statuses(pms.order()) == ["ARRIVED", "ARRIVED"]


def test_sources_do_not_see_each_others_orders(pms: Pms) -> None:
    pms.send(PID, ORC, OBR)
    with pytest.raises(Hl7Error, match="no order"):
        pms.send(PID, control("CA"), source="other")


def test_what_was_cancelled_is_ordered_again_by_the_same_order(pms: Pms) -> None:
    pms.send(PID, ORC, OBR)
    pms.send(PID, control("CA"))
    pms.send(PID, ORC, OBR)
    assert pms.store.statuses(pms.order()) == ["SCHEDULED", "SCHEDULED"]
    assert pms.order().version == 3


def test_a_part_left_out_and_sent_again_is_ordered_again(pms: Pms) -> None:
    both = (PID, ORC, OBR, ORC, OBR.replace("Thorax", "Head"))
    for segments in (both, (PID, ORC, OBR), both):
        pms.send(*segments)
    assert pms.store.statuses(pms.order()) == ["SCHEDULED"] * 3


@pytest.mark.parametrize(("code", "status"), [("SC", "CM"), ("DC", "CA")])
def test_an_order_that_has_ended_is_not_ordered_again(pms: Pms, code: str, status: str) -> None:
    pms.send(PID, ORC, OBR)
    pms.send(PID, control(code, status))
    assert pms.refused(PID, ORC, OBR) == ("AE", "205", "ORC^1^2^1^1")
    assert pms.refused(PID, ORC, OBR.replace("|DX", "|US")) == ("AE", "205", "ORC^1^2^1^1")


def test_orders_of_two_patients_in_one_message_are_refused(pms: Pms) -> None:
    other = (PID.replace("P-78", "P-79"), control("NW", "SC", "B-2"), OBR)
    assert pms.refused(PID, ORC, OBR, *other) == ("AE", "100", "PID^2^3")
    assert pms.orders() == []
