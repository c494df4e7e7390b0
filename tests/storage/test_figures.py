"""The figures of the page, from rows that the stores wrote."""

import sqlite3
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from dicom_gateway.core.local_time import SECOND
from dicom_gateway.storage.figures import DeviceFailures, FiguresStore, HourOfDay
from dicom_gateway.storage.messages import Direction, MessageStore, NewMessage, Result
from dicom_gateway.storage.migrate import migrations
from dicom_gateway.storage.studies import Quarantined
from tests.storage.builders import STUDY, GatewayStore, a_procedure, a_reference, a_step

BERLIN = ZoneInfo("Europe/Berlin")  # 09:00 on Friday 2027-01-15 at the start
TODAY = date(2027, 1, 15)
HOUR, DAY = 3600, 86_400


def figures(store: GatewayStore, zone: ZoneInfo = BERLIN) -> FiguresStore:
    return FiguresStore(store.database, store.clock, zone)


def take(store: GatewayStore, number: int, seconds: float, images: int = 1) -> None:
    """Take an order in, and its images some time later."""
    study = f"{STUDY}.{number}"
    store.order(f"N-{number}", a_procedure(a_step(), study_instance_uid=study))
    store.clock.advance(seconds)
    for image in range(images):
        store.image(f"{study}.1.{image}", study_instance_uid=study)


def test_nothing_yet(gateway_store: GatewayStore) -> None:
    found = figures(gateway_store).now()
    assert [one.day for one in found.order_to_image][-1] == TODAY and len(found.order_to_image) == 14
    assert all((one.orders, one.median, one.ninetieth) == (0, None, None) for one in found.order_to_image)
    assert found.hours == tuple(HourOfDay(hour, 0, 0.0) for hour in range(24))
    assert [count for _, count in found.images_by_day] == [0] * 8
    assert (found.failures, found.bytes_a_day) == ((), 0.0)


def test_from_order_to_first_image(gateway_store: GatewayStore) -> None:
    store = gateway_store
    for number, seconds in enumerate((10, 20, 30, 600)):
        take(store, number, seconds, images=2)
    store.image("1.9.1", study_instance_uid="1.9", patient_id="OTHER")  # of no order
    days = {one.day: one for one in figures(store).now().order_to_image}
    assert (days[TODAY].orders, days[TODAY].median, days[TODAY].ninetieth) == (4, 25.0, 600.0)


def test_a_day_is_that_of_the_practice(gateway_store: GatewayStore) -> None:
    """An image of 23:30 in Berlin is one of that day, not of the day that it is in UTC or in Auckland."""
    store = gateway_store
    store.clock.advance(14.5 * HOUR)
    take(store, 1, 60)
    store.clock.advance(DAY)
    assert {one.day: one.orders for one in figures(store).now().order_to_image if one.orders} == {TODAY: 1}
    auckland = figures(store, ZoneInfo("Pacific/Auckland")).now()
    assert {one.day: one.orders for one in auckland.order_to_image if one.orders} == {date(2027, 1, 16): 1}


def test_images_announced_only_by_a_report_are_not_counted(gateway_store: GatewayStore) -> None:
    store = gateway_store
    order = store.order()
    store.create_mpps("9.1", a_reference(accession=order.accession_number))
    assert sum(one.orders for one in figures(store).now().order_to_image) == 0


def test_older_days_are_left_out(gateway_store: GatewayStore) -> None:
    store = gateway_store
    take(store, 1, 60)
    store.clock.advance(14 * DAY)
    found = figures(store).now()
    assert sum(one.orders for one in found.order_to_image) == 0
    assert sum(count for _, count in found.images_by_day) == 0


def test_images_by_the_hour(gateway_store: GatewayStore) -> None:
    store = gateway_store
    take(store, 1, 0, images=3)  # 09:00 on Friday
    store.clock.advance(DAY)
    take(store, 2, 0, images=2)
    store.clock.advance(HOUR)
    take(store, 3, 0, images=1)
    found = figures(store).now()
    assert found.hours[9] == HourOfDay(9, 2, 3 / 7) and found.hours[10] == HourOfDay(10, 1, 0.0)
    assert [count for _, count in found.images_by_day][-2:] == [3, 3]
    assert found.bytes_a_day == pytest.approx(6 * 1000 * DAY / (DAY + HOUR))


def test_hours_of_a_zone_with_half_hours(gateway_store: GatewayStore) -> None:
    take(gateway_store, 1, 0)  # 08:00 UTC is 13:30 in Kolkata
    gateway_store.clock.advance(45 * 60)
    gateway_store.image("1.2.3.1.1.9", study_instance_uid=f"{STUDY}.1")
    hours = figures(gateway_store, ZoneInfo("Asia/Kolkata")).now().hours
    assert [(one.hour, one.today) for one in hours if one.today] == [(13, 1), (14, 1)]


def test_what_went_wrong_by_device(gateway_store: GatewayStore) -> None:
    store = gateway_store
    for _ in range(3):
        store.unknown_devices.record("PANO", "10.0.0.9", "GW", "unknown device")
    store.unknown_devices.record("PANO", "10.0.0.8", "GW", "unknown device")
    store.studies.quarantine(Quarantined("DX1", "10.0.0.1", "1.2", "1.2.3", 0xA900, "no UID", "q/1", 10))
    store.order("N-1", a_procedure(a_step(expected_instances=2)))
    store.image("1.2.3.1.1", ae_title="IO1")
    store.settle_all()
    assert "order.incomplete" in store.told()
    expected = (
        DeviceFailures("DX1", refused_objects=1),
        DeviceFailures("IO1", incomplete=1),
        DeviceFailures("PANO", refused_calls=4),
    )
    read = figures(store)
    assert read.now().failures == expected
    assert read.failures_of("IO1") == expected[1] and read.failures_of("X") == DeviceFailures("X")
    store.clock.advance(8 * DAY)
    assert figures(store).now().failures == ()


def test_an_incomplete_study_without_images_is_of_the_device_that_reported(gateway_store: GatewayStore) -> None:
    store = gateway_store
    order = store.order()
    store.create_mpps("9.1", a_reference(accession=order.accession_number), ae_title="IO2")
    store.set_mpps("9.1", "1.2.3.4.5")
    store.settle_all()
    assert "order.incomplete" in store.told()
    assert figures(store).now().failures == (DeviceFailures("IO2", incomplete=1),)


def test_kept_for_a_minute(gateway_store: GatewayStore) -> None:
    store, read = gateway_store, figures(gateway_store)
    before = read.now()
    take(store, 1, 30)
    assert read.now() is before
    store.clock.advance(30)
    after = read.now()
    assert (after.images_by_day[-1], after.at) == ((TODAY, 1), before.at + 60 * SECOND)


def test_messages_in_work(gateway_store: GatewayStore) -> None:
    messages = MessageStore(gateway_store.database, gateway_store.clock)
    came = NewMessage(Direction.IN, "mypms", "192.0.2.7", "ORM^O01", "4711", b"MSH|^~\\&|MYPMS\r")
    read = figures(gateway_store)
    assert read.messages_in_work() == 0
    messages.record(came, Result("AA", "", b"MSH|\r", ()))
    key = messages.begin(came).wait()
    assert read.messages_in_work() == 1
    messages.finish(key, Result("AA", "", b"MSH|\r", ()))
    assert read.messages_in_work() == 0


def test_schema(gateway_store: GatewayStore) -> None:
    assert figures(gateway_store).schema() == migrations()[-1][0]


def test_hours_need_no_rows(gateway_store: GatewayStore) -> None:
    """The images of a week are counted in an index."""
    with sqlite3.connect(gateway_store.database.path) as connection:
        query = (
            "SELECT received_at / 900000000, COUNT(*), SUM(data_length) FROM instance WHERE received_at >= 1 GROUP BY 1"
        )
        (plan,) = (row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}") if "instance" in row[3])
    connection.close()
    assert "COVERING INDEX instance_received" in plan
