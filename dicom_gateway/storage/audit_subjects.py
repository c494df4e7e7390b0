"""Whom the lines of the audit are about: the patient behind a subject, and the subjects of a patient or an order.

A line names an order, a study, a performed step or an event by its identifier; a person looks for a name or a number.
"""

from collections.abc import Collection, Iterable
from typing import Any, Final, NamedTuple

from peewee import JOIN, fn

from dicom_gateway.storage.database import Row, Transaction
from dicom_gateway.storage.order_finding import found_by
from dicom_gateway.storage.study_search import found_in
from dicom_gateway.storage.tables import EventRow, OrderRow, PerformedLinkRow, StudyRow

MOST_FOUND: Final = 200  # orders, and studies, that a search text names
MOST_RELATED: Final = 1000  # subjects of a kind that belong to orders
KINDS: Final = ("order", "study", "performed step", "event")

_ORDERED_NAME: Final = fn.json_extract(OrderRow.document, "$.patient.name")
_ORDERED: Final = (_ORDERED_NAME.alias("name"), OrderRow.patient_id, OrderRow.accession_number)

_OF_IMAGES: Final = (
    StudyRow.patient_name.alias("image_name"),
    StudyRow.patient_id.alias("image_patient_id"),
    StudyRow.accession_number.alias("image_accession_number"),
)


class About(NamedTuple):
    """What a line is about: its kind (see `KINDS`), the patient's name (PN) and number, the accession number."""

    kind: str
    name: str
    patient_id: str
    accession_number: str


def named(tx: Transaction, text: str) -> set[str]:
    """Return the subjects whose patient's name or number, accession number or placer number begins with `text`."""
    words = text.split()
    if not words:
        return set()
    latest = OrderRow.created_at.desc()
    orders = tx.values(
        OrderRow.select(OrderRow.id).where(OrderRow.id.in_(found_by(words))).order_by(latest).limit(MOST_FOUND)
    )
    query = StudyRow.select(StudyRow.study_instance_uid).where(found_in(words))
    studies = tx.values(query.order_by(StudyRow.last_received_at.desc()).limit(MOST_FOUND))
    return {f"study {uid}" for uid in studies} | of_orders(tx, orders)


def of_orders(tx: Transaction, order_ids: Collection[str]) -> set[str]:
    """Return the subjects of orders, with those of their studies, performed steps and events."""
    if not order_ids:
        return set()
    found = {f"order {order_id}" for order_id in order_ids}
    for kind, key, order_id in (
        ("study", StudyRow.study_instance_uid, StudyRow.order_id),
        ("performed step", PerformedLinkRow.performed_uid, PerformedLinkRow.order_id),
        ("event", EventRow.id, EventRow.order_id),
    ):
        query = key.model.select(key).where(order_id.in_(list(order_ids))).limit(MOST_RELATED)
        found |= {f"{kind} {value}" for value in tx.values(query)}
    return found


def widened(tx: Transaction, subject: str) -> set[str]:
    """Return a subject, and of an order what belongs to it."""
    kind, _space, key = subject.partition(" ")
    return of_orders(tx, [key]) if kind == "order" and key else {subject}


def about(tx: Transaction, subjects: Iterable[str]) -> dict[str, About]:
    """Return whom subjects are about, in one query for each kind; those about nobody are left out."""
    keys: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for subject in subjects:
        for kind in KINDS:
            if subject.startswith(f"{kind} "):
                keys[kind].add(subject.removeprefix(f"{kind} "))
    found: dict[str, About] = {}
    for kind, wanted in keys.items():
        if wanted:
            for row in tx.rows(_QUERIES[kind](list(wanted))):
                found.setdefault(f"{kind} {row['key']}", _about(kind, row))
    return found


def _about(kind: str, row: Row) -> About:
    """Return a row in words: the order says who it is, where there is none the images."""
    name = row["name"] or row.get("image_name") or ""
    patient_id = row["patient_id"] or row.get("image_patient_id") or ""
    return About(kind, name, patient_id, row["accession_number"] or row.get("image_accession_number") or "")


def _orders(ids: list[str]) -> Any:
    return OrderRow.select(OrderRow.id.alias("key"), *_ORDERED).where(OrderRow.id.in_(ids))


def _studies(uids: list[str]) -> Any:
    query = StudyRow.select(StudyRow.study_instance_uid.alias("key"), *_OF_IMAGES, *_ORDERED)
    joined = query.join(OrderRow, JOIN.LEFT_OUTER, on=(OrderRow.id == StudyRow.order_id))
    return joined.where(StudyRow.study_instance_uid.in_(uids))


def _performed(uids: list[str]) -> Any:
    query = PerformedLinkRow.select(PerformedLinkRow.performed_uid.alias("key"), *_ORDERED)
    joined = query.join(OrderRow, on=(OrderRow.id == PerformedLinkRow.order_id))
    return joined.where(PerformedLinkRow.performed_uid.in_(uids))


def _events(ids: list[str]) -> Any:
    query = EventRow.select(EventRow.id.alias("key"), *_OF_IMAGES, *_ORDERED)
    joined = query.join(StudyRow, JOIN.LEFT_OUTER, on=(StudyRow.study_instance_uid == EventRow.study_instance_uid))
    joined = joined.join(OrderRow, JOIN.LEFT_OUTER, on=(OrderRow.id == EventRow.order_id))
    return joined.where(EventRow.id.in_(ids))


_QUERIES: Final = {"order": _orders, "study": _studies, "performed step": _performed, "event": _events}
