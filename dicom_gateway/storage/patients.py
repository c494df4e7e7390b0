"""Patients: updated, merged, told apart again, arrived; each in one transaction with every order that it changes.

IHE RAD TF-2 4.12 (Patient Update). There is no table of patients: an order carries its own. Only orders that have not
ended change; images keep what their headers say, and belong to the orders of whoever their id stands for.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar
from zoneinfo import ZoneInfo

from dicom_gateway.core.local_time import local_now
from dicom_gateway.core.model import Order, Patient
from dicom_gateway.core.patients import Identity, Merge, MergeKind, MergeRefused, checked_id, identity, updated
from dicom_gateway.core.ports import Clock
from dicom_gateway.core.status import StepEvent, StepStatus
from dicom_gateway.errors import InvalidValue
from dicom_gateway.storage import order_rows, patient_rows
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.database import Database, Transaction
from dicom_gateway.storage.merging import Changed, Merging
from dicom_gateway.storage.outbox import Outbox
from dicom_gateway.storage.waiting import Waiting

Named = tuple[str, str]  # issuer ("" when none is known) and id
T = TypeVar("T")


class PatientStore:
    """The patients of all orders. `zone` is the practice's.

    An id is unique within its issuer. One without an issuer is known within one `source` of orders: where that is not
    given it is the only one that has orders of such an id, and InvalidValue is raised where that is not clear.
    """

    def __init__(self, database: Database, outbox: Outbox, waiting: Waiting, clock: Clock, zone: ZoneInfo) -> None:
        self._database = database
        self._outbox = outbox
        self._waiting = waiting
        self._clock = clock
        self._zone = zone

    def update(
        self, patient: Patient, named: frozenset[str], actor: Actor, *, source: str = ""
    ) -> tuple[str, ...]:  # fmt: skip
        """Give every open order of a patient the fields of `patient` that are `named`; return the ids of those that
        changed. An id that was merged into another one has no open orders. Raises InvalidValue."""
        issuer, patient_id = _checked((patient.issuer, patient.id), "patient")
        action = f"patient updated: {', '.join(sorted(named))}"

        def run(work: Merging) -> tuple[str, ...]:
            whose = _found(work.tx, issuer, [patient_id], source)
            if whose is None:
                return ()
            orders = patient_rows.orders_of(work.tx, [identity(issuer, patient_id, whose)], only_open=True)
            return tuple(
                order.id
                for order in orders
                if work.put_patient(order, updated(order.patient, patient, named), action) is not order
            )

        return self._write(run, actor)

    def merge(
        self, survivor: Named, old: Named, actor: Actor, facts: Patient | None = None,
        *, source: str = "", only_known: bool = False,
    ) -> Changed:  # fmt: skip
        """Let `survivor` stand for `old` from now on; its record is completed by `facts`. The same again does nothing.

        Raises MergeRefused (another issuer, source or species, a circle, `old` merged into another one before),
        UnknownPatient with `only_known` when there is no order of `old`, and InvalidValue.
        """
        one, other = _pair(survivor, old)

        def run(work: Merging) -> Changed:
            kept, gone = _both(work.tx, one, other, source)
            known = work.same_before(kept, gone)
            if known:
                return Changed(known, is_new=False)
            work.refuse(kept, gone)
            if only_known:
                work.refuse_unknown(gone)
            return work.merge(MergeKind.MERGE, kept, gone, facts)

        return self._write(run, actor)

    def change_id(self, old: Named, new: Named, actor: Actor, *, source: str = "") -> Changed:
        """Give a patient another id, which nobody may have; the same again does nothing, and the way back undoes it.

        Raises PatientExists, MergeRefused and InvalidValue.
        """
        one, other = _pair(new, old)

        def run(work: Merging) -> Changed:
            kept, gone = _both(work.tx, one, other, source)
            known, back = work.same_before(kept, gone), work.same_before(gone, kept)
            if known:
                return Changed(known, is_new=False)
            if back and back.kind is MergeKind.CHANGE:
                return work.undo(back.key)
            work.refuse_taken(kept)
            work.refuse(kept, gone)
            return work.merge(MergeKind.CHANGE, kept, gone)

        return self._write(run, actor)

    def unmerge(self, merge_id: int, actor: Actor) -> Changed:
        """Undo a merge: its orders that have not ended, and those that came under the old id, are of the old patient
        again. Raises NotFound, Conflict when it is undone already, MergeRefused when another one stands on it."""
        return self._write(lambda work: work.undo(merge_id), actor)

    def arrived(self, whose: Named, actor: Actor, *, source: str = "") -> tuple[str, ...]:
        """Let the scheduled steps of a patient of today be ARRIVED; return the ids of their orders."""
        issuer, patient_id = _checked(whose, "patient")
        today = local_now(self._clock(), self._zone).date()

        def due(order: Order) -> dict[str, StepEvent]:
            steps = (step for step in order.steps() if step.start.date() == today)
            return {step.id: StepEvent.ARRIVE for step in steps if step.status is StepStatus.SCHEDULED}

        def run(work: Merging) -> tuple[str, ...]:
            found = _found(work.tx, issuer, [patient_id], source)
            if found is None:
                return ()
            now = patient_rows.resolve(work.tx, identity(issuer, patient_id, found))
            orders = [order for order in patient_rows.orders_of(work.tx, [now], only_open=True) if due(order)]
            for order in orders:
                order_rows.move_steps(work.tx, self._outbox, order, due(order), work.now, actor)
            return tuple(order.id for order in orders)

        return self._write(run, actor)

    def resolve(self, issuer: str, patient_id: str, source: str = "") -> Named:
        """Return the issuer and id that stand for these now."""

        def run(tx: Transaction) -> Named:
            found = _found(tx, issuer, [patient_id], source)
            if found is None:
                return issuer, patient_id
            return issuer, patient_rows.resolve(tx, identity(issuer, patient_id, found)).id

        return self._database.read(run)

    def merges(self, limit: int = 100, before: int | None = None) -> Sequence[Merge]:
        """Return merges, newest first, undone ones too; `before` is the number of the last one seen."""
        return self._database.read(lambda tx: patient_rows.merges(tx, limit, before))

    def _write(self, run: Callable[[Merging], T], actor: Actor) -> T:
        now = self._clock()
        return self._database.write(lambda tx: run(Merging(tx, self._outbox, self._waiting, now, actor)))


def _checked(whose: Named, field: str) -> Named:
    issuer, patient_id = whose
    return (checked_id(issuer, f"{field}.issuer") if issuer.strip() else ""), checked_id(patient_id, f"{field}.id")


def _pair(survivor: Named, old: Named) -> tuple[Named, Named]:
    one, other = _checked(survivor, "survivor"), _checked(old, "old")
    if one == other:
        raise MergeRefused("the old and the new id are the same")
    if one[0] != other[0]:
        raise MergeRefused(
            f"ids of different issuers ({other[0] or 'none'}, {one[0] or 'none'}) are of other practices"
        )
    return one, other


def _both(tx: Transaction, survivor: Named, old: Named, source: str) -> tuple[Identity, Identity]:
    """Return whose ids these are; raises MergeRefused when they are of different sources, InvalidValue when of none."""
    issuer = survivor[0]
    found = _found(tx, issuer, [survivor[1], old[1]], source)
    if found is None:
        raise InvalidValue("is required: an id without an issuer is known within one source only", "source")
    return identity(issuer, survivor[1], found), identity(issuer, old[1], found)


def _found(tx: Transaction, issuer: str, ids: list[str], source: str) -> str | None:
    """Return the source within which ids are known, "" with an issuer; None when no order says it. Raises MergeRefused
    when several do."""
    if issuer or source:
        return source
    found = patient_rows.sources_of(tx, ids)
    if len(found) > 1:
        raise MergeRefused(f"ids without an issuer are known within one source only, and these are of {len(found)}")
    return found[0] if found else None
