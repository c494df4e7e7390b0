"""The history of an order as the store reads it: everything that belongs to it, nothing of others, in few queries."""

import pytest

from dicom_gateway.core.habits import QueryFacts
from dicom_gateway.core.history import DeliveryLine, MessageLine, ServedLine
from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.model import Order
from dicom_gateway.core.timeline import Kind, compose
from dicom_gateway.errors import NotFound
from dicom_gateway.storage.audit import VIEWED, Actor, record
from dicom_gateway.storage.database import Database, Transaction
from dicom_gateway.storage.messages import Direction, MessageStore, NewMessage, Result
from dicom_gateway.storage.observations import WorklistAsked
from dicom_gateway.storage.observing import Observer
from dicom_gateway.storage.timeline import TimelineStore
from dicom_gateway.storage.worklist import StepVersion
from tests.storage.builders import START, STUDY, WRONG_ENTRY, GatewayStore, a_procedure, a_reference

ANNA = Actor("user anna", "192.0.2.30")


@pytest.fixture
def timelines(gateway_store: GatewayStore) -> TimelineStore:
    return TimelineStore(gateway_store.database)


def kinds(timelines: TimelineStore, order: Order) -> list[Kind]:
    return [item.kind for item in compose(timelines.history(order.id))]


def serve(store: GatewayStore, order: Order, ae_title: str = "DX1") -> None:
    """Let a device have got the first step of an order."""
    observer = Observer(store.database, lambda identifier, syntax: QueryFacts("shape", ()))
    served = (StepVersion(order.id, order.version, store.clock(), 0, 0),)
    observer.observe(
        WorklistAsked(ae_title, "192.0.2.9", store.clock(), b"", "1.2.840.10008.1.2.1", 0, served),
    )
    observer.close()


def test_the_main_job(gateway_store: GatewayStore, timelines: TimelineStore) -> None:
    store = gateway_store
    order = store.order()
    messages = MessageStore(store.database, store.clock)
    came = NewMessage(Direction.IN, "mypms", "192.0.2.7", "ORM^O01", "1", b"MSH|")
    key = messages.record(came, Result("AA", "", b"MSA", (order.id,)))
    store.clock.advance(10)
    serve(store, order)
    store.clock.advance(10)
    store.create_mpps("9.1", a_reference(step=order.steps()[0].id))
    for number in range(3):
        store.clock.advance(5)
        store.image(f"1.2.3.1.{number}", performed_step_uids=("9.1",))
    store.clock.advance(5)
    store.set_mpps("9.1", *(f"1.2.3.1.{number}" for number in range(3)))
    store.settle_all()
    (claimed,) = store.outbox.claim("me", store.clock(), 30 * SECOND, "pms")
    store.outbox.finish(claimed, "me", store.clock(), True, "200 OK", None)

    history = timelines.history(order.id)
    assert history.source == "mypms"
    assert history.messages == [MessageLine(key, START, "in", "mypms", "ORM^O01", "AA", "")]
    at = START + 10 * SECOND
    assert history.served == [ServedLine(order.steps()[0].id, "DX1", at, at, 1)]
    assert [image.sop_instance_uid for image in history.images] == [f"1.2.3.1.{number}" for number in range(3)]
    (study,) = history.studies
    assert (study.uid, study.evidence) == (STUDY, "mpps+images")
    first, second, *_ = history.deliveries
    assert isinstance(first, DeliveryLine)
    assert (first.event_type, first.status, first.detail) == ("order.started", "delivered", "200 OK")
    assert (second.status, second.detail) == ("pending", "")
    assert kinds(timelines, order) == [
        Kind.MESSAGE_IN,
        Kind.RECEIVED,
        Kind.SERVED,
        Kind.REPORT_BEGUN,
        Kind.IMAGES,
        Kind.REPORT_COMPLETED,
        Kind.COMPLETED,
        Kind.STUDY_COMPLETE,
        Kind.DELIVERED,
        *[Kind.WAITING] * (len(history.deliveries) - 1),
    ]


def test_nothing_of_other_orders(gateway_store: GatewayStore, timelines: TimelineStore) -> None:
    store = gateway_store
    one = store.order("A-1")
    other = store.order("A-2", a_procedure(study_instance_uid="1.2.4"))
    store.create_mpps("9.2", a_reference("1.2.4", step=other.steps()[0].id))
    store.image("1.2.4.1.1", study_instance_uid="1.2.4")
    store.settle_all()
    assert kinds(timelines, one) == [Kind.RECEIVED]
    assert Kind.IMAGES in kinds(timelines, other)


def test_images_of_another_patient_in_its_study_are_not_its(
    gateway_store: GatewayStore, timelines: TimelineStore
) -> None:
    order = gateway_store.order()
    gateway_store.image("1.2.3.1.1")
    gateway_store.image("1.2.3.1.2", patient_id="P-79")
    assert [image.sop_instance_uid for image in timelines.history(order.id).images] == ["1.2.3.1.1"]


def test_a_wrong_entry_is_told(gateway_store: GatewayStore, timelines: TimelineStore) -> None:
    order = gateway_store.order()
    gateway_store.create_mpps("9.1", a_reference(step=order.steps()[0].id))
    gateway_store.clock.advance(5)
    gateway_store.set_mpps("9.1", status="DISCONTINUED", reason=WRONG_ENTRY)
    found = compose(timelines.history(order.id))
    assert Kind.WRONG_ENTRY in [item.kind for item in found]
    assert [item.kind for item in found if item.is_trouble] == [Kind.WRONG_ENTRY]


def test_who_looked_is_not_part_of_it(gateway_store: GatewayStore, timelines: TimelineStore) -> None:
    order = gateway_store.order()

    def look(tx: Transaction) -> None:
        record(tx, gateway_store.clock(), ANNA, VIEWED, f"order {order.id}")

    gateway_store.database.write(look)
    assert gateway_store.audit.of(f"order {order.id}")[-1]["action"] == VIEWED
    assert kinds(timelines, order) == [Kind.RECEIVED]


def test_what_a_person_does_is_told(gateway_store: GatewayStore, timelines: TimelineStore) -> None:
    order = gateway_store.order()
    gateway_store.clock.advance(5)
    gateway_store.orders.cancel(order.id, ANNA)
    gateway_store.clock.advance(5)
    (claimed,) = gateway_store.outbox.claim("me", gateway_store.clock(), 30 * SECOND, "pms")
    gateway_store.outbox.finish(claimed, "me", gateway_store.clock(), False, "500", None)
    gateway_store.clock.advance(5)
    gateway_store.outbox.retry(gateway_store.clock(), ANNA, event_id=claimed.event_id)
    story = compose(timelines.history(order.id))
    assert [(item.kind, item.who) for item in story] == [
        (Kind.RECEIVED, "token mypms"),
        (Kind.CANCELLED, "user anna"),
        (Kind.RETRIED, "user anna"),
        (Kind.WAITING, "gateway"),
    ]


def test_an_unknown_order(timelines: TimelineStore) -> None:
    with pytest.raises(NotFound):
        timelines.history("o-none")


def test_however_much_there_is_it_takes_as_many_queries(gateway_store: GatewayStore) -> None:
    queries: list[int] = []

    class Counted(Transaction):
        asked = 0

        def rows(self, query, /, **values):  # type: ignore[no-untyped-def]
            self.asked += 1
            return super().rows(query, **values)

        def values(self, query, /, **values):  # type: ignore[no-untyped-def]
            self.asked += 1
            return super().values(query, **values)

    class Counting(Database):
        def read(self, fn):  # type: ignore[no-untyped-def]
            def run(tx: Transaction) -> object:
                counted = Counted(tx._database)
                found = fn(counted)
                queries.append(counted.asked)
                return found

            return super().read(run)

    database = Counting(gateway_store.database.path)
    timelines = TimelineStore(database)
    order = gateway_store.order()
    timelines.history(order.id)
    for number in range(50):
        gateway_store.image(f"1.2.3.1.{number}")
    gateway_store.settle_all()
    gateway_store.image("1.2.3.1.99")
    gateway_store.settle_all()
    assert len(timelines.history(order.id).images) == 51
    database.close()
    few, many = queries
    assert few < many <= few + 1 <= 10  # the images are asked for once there is a study
