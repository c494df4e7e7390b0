"""What devices did last, from what was observed, refused and set aside."""

from typing import Any

from dicom_gateway.core.habits import Habit, QueryFacts, ServiceUsed
from dicom_gateway.core.lights import DeviceLight, Light
from dicom_gateway.core.local_time import SECOND
from dicom_gateway.storage.device_traffic import MOST_REASONS, DeviceTraffic, Traffic
from dicom_gateway.storage.observations import DeviceSeen, WorklistAsked
from dicom_gateway.storage.observing import Observer
from dicom_gateway.storage.studies import Quarantined
from tests.storage.builders import EXPLICIT_LE, START, GatewayStore

MINUTE = 60 * SECOND


def observe(store: GatewayStore, *observations: Any) -> None:
    observer = Observer(store.database, lambda *asked: QueryFacts("a shape", ()))
    for one in observations:
        observer.observe(one)
    observer.close()


def used(ae_title: str, at: int, service: ServiceUsed) -> DeviceSeen:
    return DeviceSeen(ae_title, at, ((Habit.SERVICE, service.value),))


def refuse(store: GatewayStore, reason: str) -> None:
    store.studies.quarantine(Quarantined("DX1", "10.0.0.1", "1.2", "1.2.3", 0xA900, reason, "q/1", 10))


def test_each_device_has_its_own(gateway_store: GatewayStore) -> None:
    store = gateway_store
    observe(
        store,
        used("DX1", START, ServiceUsed.ASSOCIATION),
        used("DX1", START + 2 * MINUTE, ServiceUsed.STORAGE),
        used("DX1", START + MINUTE, ServiceUsed.MPPS),
        used("IO1", START + MINUTE, ServiceUsed.VERIFICATION),
    )
    store.clock.advance(300)
    store.unknown_devices.record("IO1", "10.0.0.9", "GW", "address not in allowed_from")
    found = DeviceTraffic(store.database).of(["DX1", "IO1", "CT1"])
    assert found == {
        "DX1": Traffic(DeviceLight("DX1", START + 2 * MINUTE), START + 2 * MINUTE, START + MINUTE),
        "IO1": Traffic(DeviceLight("IO1", START + MINUTE, refused_at=START + 5 * MINUTE)),
        "CT1": Traffic(DeviceLight("CT1")),
    }
    assert [found[name].light.light(store.clock()) for name in found] == [Light.GOOD, Light.BAD, Light.IDLE]


def test_a_query_counts_as_heard_of(gateway_store: GatewayStore) -> None:
    observe(gateway_store, WorklistAsked("DX1", "10.0.0.1", START + 7, b"", EXPLICIT_LE, 0, ()))
    assert DeviceTraffic(gateway_store.database).of(["DX1"])["DX1"].light == DeviceLight("DX1", START + 7, START + 7)


def test_no_devices(gateway_store: GatewayStore) -> None:
    assert DeviceTraffic(gateway_store.database).of([]) == {}


def test_why_objects_were_refused(gateway_store: GatewayStore) -> None:
    store, traffic = gateway_store, DeviceTraffic(gateway_store.database)
    refuse(store, "old")
    store.clock.advance(60)
    for reason in ("no UID", "too large", "no UID"):
        store.clock.advance(1)
        refuse(store, reason)
    last = store.clock()
    assert traffic.refused_objects("DX1", START + MINUTE) == [
        {"reason": "no UID", "times": 2, "at": last},
        {"reason": "too large", "times": 1, "at": last - SECOND},
    ]
    assert traffic.refused_objects("IO1", 0) == []
    for number in range(MOST_REASONS):
        refuse(store, f"reason {number}")
    assert len(traffic.refused_objects("DX1", 0)) == MOST_REASONS
