"""Patients as rows, inside somebody's transaction: whose orders are whose, which id stands for which, and what of an
order a merge changed.

A merge is one step from an id to another; several may follow one another, and never in a circle. What an order was
before each step is kept, so that each can be undone, the last one first.
"""

from collections.abc import Iterable, Sequence

from dicom_gateway.core.model import Order, Patient
from dicom_gateway.core.patients import ENDED, Identity, Merge, MergeKind, identity_of, joined
from dicom_gateway.storage.codec import dump_patient, load_order, load_patient
from dicom_gateway.storage.database import Row, Transaction
from dicom_gateway.storage.patient_tables import PatientMergeRow, PatientMoveRow
from dicom_gateway.storage.prepared import Statement, columns, given
from dicom_gateway.storage.tables import OrderRow

_OF = (
    PatientMergeRow.issuer == given("issuer"),
    PatientMergeRow.source == given("source"),
    PatientMergeRow.undone_at.is_null(),
)
_FOLLOW = Statement(PatientMergeRow.select().where(PatientMergeRow.old_id == given("id"), *_OF))
_BEHIND = Statement(
    PatientMergeRow.select(PatientMergeRow.old_id)
    .where(PatientMergeRow.survivor_id == given("id"), *_OF)
    .order_by(PatientMergeRow.key)
)
_NOTE = Statement(
    PatientMoveRow.insert(**columns(("merge_key", "order_id", "before", "after"))).on_conflict(
        conflict_target=[PatientMoveRow.merge_key, PatientMoveRow.order_id],
        preserve=[PatientMoveRow.before, PatientMoveRow.after],
    )
)


def path(tx: Transaction, identity: Identity) -> list[Merge]:
    """Return the merges that lead from an identity to the one that stands for it now; none: it is its own."""
    hops: list[Merge] = []
    while row := tx.row(_FOLLOW, **_values(identity)):
        hops.append(merge_of(row))
        identity = hops[-1].survivor
    return hops


def resolve(tx: Transaction, identity: Identity) -> Identity:
    """Return the identity that stands for this one now."""
    hops = path(tx, identity)
    return hops[-1].survivor if hops else identity


def behind(tx: Transaction, identity: Identity) -> list[Identity]:
    """Return every identity that this one stands for, itself first."""
    found = [identity]
    for one in found:  # which grows while it is walked
        found += [identity.called(old_id) for old_id in tx.values(_BEHIND, **_values(one))]
    return found


def known_as(tx: Transaction, identity: Identity) -> list[str]:
    """Return every id of the patient, whichever of them this is."""
    return [one.id for one in behind(tx, resolve(tx, identity))]


def merge_of(row: Row) -> Merge:
    """Return a merge from its row."""
    return Merge(**{**row, "kind": MergeKind(row["kind"])})


def orders_of(tx: Transaction, identities: Iterable[Identity], only_open: bool = False) -> list[Order]:
    """Return the orders of identities of one issuer (and source), newest first; `only_open`: that have not ended."""
    listed = list(identities)
    where = OrderRow.patient_id.in_([one.id for one in listed]) & (OrderRow.issuer == listed[0].issuer)
    if listed[0].source:
        where &= OrderRow.source == listed[0].source
    if only_open:
        where &= OrderRow.status.not_in([status.value for status in ENDED])
    query = OrderRow.select(OrderRow.document).where(where).order_by(OrderRow.created_at.desc(), OrderRow.id.desc())
    return [load_order(document) for document in tx.values(query)]


def sources_of(tx: Transaction, ids: Sequence[str]) -> list[str]:
    """Return the sources that have orders of one of these ids without an issuer."""
    query = OrderRow.select(OrderRow.source).where(OrderRow.patient_id.in_(list(ids)), OrderRow.issuer == "")
    return sorted(set(tx.values(query)))


def as_now(tx: Transaction, order: Order) -> Order:
    """Return a stored order with the id that stands for its patient's now; the order itself when that is its own."""
    survivor = resolve(tx, identity_of(order))
    return order if survivor.id == order.patient.id else order.evolve(patient=order.patient.evolve(id=survivor.id))


def as_sent(tx: Transaction, incoming: Order, stored: Order | None) -> tuple[Order, list[Merge]]:
    """Return an order that comes in under the patient that it is of now, and the merges that say so. What it says of a
    record that is no longer used changes nothing of the one that stands for it."""
    hops = path(tx, identity_of(incoming))
    if not hops:
        return incoming, hops
    survivor = hops[-1].survivor
    if stored is not None and identity_of(stored) == survivor:
        patient = stored.patient
    else:
        newest = orders_of(tx, [survivor])[:1]
        patient = joined((*(order.patient for order in newest), incoming.patient)).evolve(id=survivor.id)
    return incoming.evolve(patient=patient), hops


def note(tx: Transaction, hops: Iterable[Merge], order_id: str, before: Patient, after: Patient) -> None:
    """Keep what an order's patient was before each of the merges that led to `after`."""
    for hop in hops:
        reached = after.evolve(id=hop.survivor_id)
        keep(tx, hop, order_id, before, reached)
        before = reached


def keep(tx: Transaction, merge: Merge, order_id: str, before: Patient, after: Patient) -> None:
    """Keep what an order's patient was before and after a merge."""
    tx.execute(_NOTE, merge_key=merge.key, order_id=order_id, before=dump_patient(before), after=dump_patient(after))


def moves_of(tx: Transaction, merge: Merge) -> list[tuple[str, Patient, Patient]]:
    """Return what a merge changed: order id, the patient before and after."""
    rows = tx.rows(
        PatientMoveRow.select().where(PatientMoveRow.merge_key == merge.key).order_by(PatientMoveRow.order_id)
    )
    return [(row["order_id"], load_patient(row["before"]), load_patient(row["after"])) for row in rows]


def add_merge(tx: Transaction, kind: MergeKind, old: Identity, survivor: Identity, who: str, now: int) -> Merge:
    """Let an id stand for another one from now on."""
    values = {
        "kind": kind.value,
        "issuer": old.issuer,
        "source": old.source,
        "old_id": old.id,
        "survivor_id": survivor.id,
        "who": who,
        "at": now,
    }
    key = int(tx.execute(PatientMergeRow.insert(**values)))
    return merge_of({**values, "key": key})


def get_merge(tx: Transaction, key: int) -> Merge | None:
    """Return a merge by its number."""
    row = tx.row(PatientMergeRow.select().where(PatientMergeRow.key == key))
    return merge_of(row) if row else None


def end_merge(tx: Transaction, merge: Merge, now: int) -> Merge:
    """Let an id stand for itself again."""
    tx.execute(PatientMergeRow.update(undone_at=now).where(PatientMergeRow.key == merge.key))
    return get_merge(tx, merge.key) or merge


def merges(tx: Transaction, limit: int, before: int | None) -> list[Merge]:
    """Return merges, newest first; `before` is the number of the last one seen."""
    query = PatientMergeRow.select().order_by(PatientMergeRow.key.desc()).limit(limit)
    if before is not None:
        query = query.where(PatientMergeRow.key < before)
    return [merge_of(row) for row in tx.rows(query)]


def _values(identity: Identity) -> dict[str, str]:
    return {"issuer": identity.issuer, "id": identity.id, "source": identity.source}
