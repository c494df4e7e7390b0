"""Reads everything that is known of one order for its timeline: one snapshot, one query a table, whatever came."""

from collections.abc import Iterable
from typing import Final

from dicom_gateway.core.history import (
    AuditLine,
    DeliveryLine,
    EventLine,
    History,
    ImageLine,
    MessageLine,
    ServedLine,
    StudyLine,
)
from dicom_gateway.core.identifiers import printable
from dicom_gateway.core.model import PerformedStep
from dicom_gateway.errors import NotFound
from dicom_gateway.storage.audit import VIEWED
from dicom_gateway.storage.codec import load_performed_step
from dicom_gateway.storage.database import Database, Row, Transaction
from dicom_gateway.storage.delivery_lines import waits_for
from dicom_gateway.storage.message_tables import MessageOrderRow, MessageRow
from dicom_gateway.storage.observation_tables import DeviceQueryRow, ServedStepRow
from dicom_gateway.storage.outbox import shown
from dicom_gateway.storage.prepared import Statement, given, several
from dicom_gateway.storage.tables import (
    AuditRow,
    DeliveryRow,
    EventRow,
    InstanceRow,
    OrderRow,
    PerformedLinkRow,
    PerformedStepRow,
    StudyRow,
)

MOST_LINES: Final = 2000  # of each kind but images: an order that has more is no order of a clinic
MOST_IMAGES: Final = 20_000

_SOURCE = Statement(OrderRow.select(OrderRow.source).where(OrderRow.id == given("order_id")))
_STUDIES = Statement(
    StudyRow.select(
        StudyRow.study_instance_uid.alias("uid"),
        StudyRow.requested_procedure_id,
        StudyRow.reported_at,
        StudyRow.evidence,
    )
    .where(StudyRow.order_id == given("order_id"))
    .order_by(StudyRow.started_at, StudyRow.study_instance_uid)
    .limit(MOST_LINES)
)
_PERFORMED = Statement(
    PerformedLinkRow.select(PerformedLinkRow.performed_uid)
    .distinct()
    .where(PerformedLinkRow.order_id == given("order_id"))
    .limit(MOST_LINES)
)
_EVENTS = Statement(
    EventRow.select(EventRow.id, EventRow.type, EventRow.occurred_at)
    .where(EventRow.order_id == given("order_id"))
    .order_by(EventRow.occurred_at)
    .limit(MOST_LINES)
)
_DELIVERIES = Statement(
    DeliveryRow.select(DeliveryRow, EventRow.type.alias("event_type"), waits_for())
    .join(EventRow, on=(EventRow.id == DeliveryRow.event_id))
    .where(EventRow.order_id == given("order_id"))
    .order_by(DeliveryRow.key)
    .limit(MOST_LINES)
)
_SERVED = Statement(
    ServedStepRow.select()
    .where(ServedStepRow.order_id == given("order_id"))
    .order_by(ServedStepRow.first_at)
    .limit(MOST_LINES)
)
_MESSAGES = Statement(
    MessageRow.select(
        MessageRow.key,
        MessageRow.at,
        MessageRow.direction,
        MessageRow.peer,
        MessageRow.type,
        MessageRow.outcome,
        MessageRow.detail,
    )
    .join(MessageOrderRow, on=(MessageOrderRow.message_key == MessageRow.key))
    .where(MessageOrderRow.order_id == given("order_id"))
    .order_by(MessageRow.key.desc())
    .limit(MOST_LINES)
)
_IMAGES = Statement(
    InstanceRow.select(
        InstanceRow.received_at.alias("at"),
        InstanceRow.calling_ae_title.alias("ae_title"),
        InstanceRow.study_instance_uid,
        InstanceRow.sop_instance_uid,
    )
    .where(
        InstanceRow.study_instance_uid.in_(several("uids")),
        InstanceRow.current == 1,
        InstanceRow.order_id == given("order_id"),
    )
    .order_by(InstanceRow.key)
    .limit(MOST_IMAGES)
)
_AUDIT = Statement(
    AuditRow.select(AuditRow.at, AuditRow.who, AuditRow.action, AuditRow.subject, AuditRow.detail)
    .where(AuditRow.subject.in_(several("subjects")), AuditRow.action != VIEWED)
    .order_by(AuditRow.key.desc())
    .limit(MOST_LINES)
)
_REPORT = Statement(
    PerformedStepRow.select(PerformedStepRow.document).where(PerformedStepRow.sop_instance_uid == given("uid"))
)
_ORDERS_OF_REPORT = Statement(
    PerformedLinkRow.select(PerformedLinkRow.order_id)
    .distinct()
    .where(PerformedLinkRow.performed_uid == given("uid"))
    .order_by(PerformedLinkRow.order_id)
)
_ASKED = Statement(DeviceQueryRow.select(DeviceQueryRow.ae_title).distinct().order_by(DeviceQueryRow.ae_title))
_AT_ONCE: Final = 400  # values of one list


class TimelineStore:
    """Reads the history of orders."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def history(self, order_id: str) -> History:
        """Return what is known of an order; raises NotFound."""
        return self._database.read(lambda tx: _history(tx, order_id))

    def performed_step(self, uid: str) -> tuple[PerformedStep, list[str], list[AuditLine]]:
        """Return a performed step, the ids of its orders, and its audit, oldest first; raises NotFound."""

        def run(tx: Transaction) -> tuple[PerformedStep, list[str], list[AuditLine]]:
            document = tx.value(_REPORT, uid=uid)
            if document is None:
                raise NotFound(f"no performed step {printable(uid, 64)}")
            lines = [AuditLine(**row) for row in tx.rows(_AUDIT, subjects=[f"performed step {uid}"])]
            return load_performed_step(document), tx.values(_ORDERS_OF_REPORT, uid=uid), lines[::-1]

        return self._database.read(run)

    def devices_that_asked(self) -> list[str]:
        """Return the AE titles of the devices that have asked for a worklist."""
        return self._database.read(lambda tx: tx.values(_ASKED))


def _history(tx: Transaction, order_id: str) -> History:
    source = tx.value(_SOURCE, order_id=order_id)
    if source is None:
        raise NotFound(f"no order {order_id}")
    studies, events = tx.rows(_STUDIES, order_id=order_id), tx.rows(_EVENTS, order_id=order_id)
    uids = [row["uid"] for row in studies]
    images = [row for some in _parts(uids) for row in tx.rows(_IMAGES, uids=some, order_id=order_id)]
    subjects = [
        f"order {order_id}",
        *(f"study {uid}" for uid in uids),
        *(f"performed step {uid}" for uid in tx.values(_PERFORMED, order_id=order_id)),
        *(row["id"] for row in events),
    ]
    audit = [row for some in _parts(subjects) for row in tx.rows(_AUDIT, subjects=some)]
    deliveries = (shown(row) for row in tx.rows(_DELIVERIES, order_id=order_id))
    return History(
        source=source,
        audit=[AuditLine(**row) for row in audit],
        messages=[MessageLine(**row) for row in tx.rows(_MESSAGES, order_id=order_id)],
        served=[ServedLine(**_only(ServedLine, row)) for row in tx.rows(_SERVED, order_id=order_id)],
        images=[ImageLine(**row) for row in images],
        studies=[StudyLine(**row) for row in studies],
        events=[EventLine(**row) for row in events],
        deliveries=[DeliveryLine(**_only(DeliveryLine, row)) for row in deliveries],
    )


def _parts(values: list[str]) -> Iterable[list[str]]:
    return (values[start : start + _AT_ONCE] for start in range(0, len(values), _AT_ONCE))


def _only(made: type[ServedLine] | type[DeliveryLine], row: Row) -> Row:
    """Return the columns of a row that a value has."""
    return {name: row[name] for name in made.__dataclass_fields__}
