"""What a match changes, as rows: seen as a whole before and after it, compared, and put back; inside a transaction.

A snapshot is JSON: {studies, instances, references, links, decisions, alarms, steps}. Steps are put back by
matching.py, because the PMS hears of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from dicom_gateway.core.linking import WAITING
from dicom_gateway.storage import order_rows, study_rows
from dicom_gateway.storage.database import Transaction
from dicom_gateway.storage.match_tables import MatchRow, StudyDecisionRow
from dicom_gateway.storage.tables import (
    AlarmRow,
    InstanceRow,
    PerformedLinkRow,
    PerformedReferenceRow,
    StudyRow,
)

Snapshot = dict[str, Any]

WAITING_REASONS: Final = sorted(reason.value for reason in WAITING)
_STUDY: Final = (
    "order_id", "requested_procedure_id", "link_reason", "patient_id", "issuer", "patient_name", "accession_number",
    "modality", "reported_at", "unmatched_told_at", "incomplete_told_at", "evidence",
)  # fmt: skip
_PLACE: Final = ("order_id", "requested_procedure_id", "link_reason")  # of a study: what is compared
_INSTANCE: Final = ("order_id", "step_id", "link_reason", "told_at")
_REFERENCE: Final = ("performed_uid", "position", "link_reason")
_LINK: Final = ("performed_uid", "position", "order_id", "step_id", "requested_procedure_id")
_ALARM: Final = ("raised_at", "kind", "subject", "detail", "count")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a match may change: studies, performed steps and orders by their ids."""

    studies: tuple[str, ...]
    performed: tuple[str, ...]
    orders: tuple[str, ...]

    def as_json(self) -> dict[str, list[str]]:
        """Return the scope as JSON values."""
        return {"studies": [*self.studies], "performed": [*self.performed], "orders": [*self.orders]}


def scope_of(values: dict[str, list[str]]) -> Scope:
    """Return the scope of JSON values."""
    return Scope(tuple(values["studies"]), tuple(values["performed"]), tuple(values["orders"]))


def snapshot(tx: Transaction, scope: Scope) -> Snapshot:
    """Return everything within the scope as it is."""
    studies = list(scope.studies)
    found = {row["study_instance_uid"]: row for row in tx.rows(_of(StudyRow, "study_instance_uid", studies))}
    decided = {row["study_instance_uid"]: row for row in tx.rows(_of(StudyDecisionRow, "study_instance_uid", studies))}
    instances = _of(InstanceRow, "study_instance_uid", studies).where(InstanceRow.current == 1)
    references = tx.rows(_of(PerformedReferenceRow, "performed_uid", list(scope.performed)))
    links = tx.rows(_of(PerformedLinkRow, "performed_uid", list(scope.performed)))
    alarms = tx.rows(_of(AlarmRow, "subject", [f"study {uid}" for uid in studies]))
    return {
        "studies": {uid: {name: found[uid][name] for name in _STUDY} if uid in found else None for uid in studies},
        "instances": {str(row["key"]): [row[name] for name in _INSTANCE] for row in tx.rows(instances)},
        "references": sorted([row[name] for name in _REFERENCE] for row in references),
        "links": sorted([row[name] for name in _LINK] for row in links),
        "decisions": {uid: decided.get(uid) for uid in studies},
        "alarms": [{name: row[name] for name in _ALARM} for row in alarms if row["kind"] in WAITING_REASONS],
        "steps": {order_id: _steps(tx, order_id) for order_id in scope.orders},
    }


def _of(model: Any, column: str, values: list[str]) -> Any:
    return model.select().where(getattr(model, column).in_(values))


def _steps(tx: Transaction, order_id: str) -> dict[str, list[Any]]:
    order = order_rows.load(tx, order_id)
    return {step.id: [step.status.value, step.inferred] for step in order.steps()} if order else {}


def same_place(one: Snapshot, other: Snapshot) -> bool:
    """Say whether everything belongs where it did, whatever has been told of it meanwhile."""
    return _places(one) == _places(other)


def _places(taken: Snapshot) -> list[Any]:
    studies = {uid: row and [row[name] for name in _PLACE] for uid, row in taken["studies"].items()}
    instances = {key: values[:3] for key, values in taken["instances"].items()}
    return [studies, instances, taken["references"], taken["links"], taken["decisions"]]


def put_back(tx: Transaction, scope: Scope, before: Snapshot) -> None:
    """Write what a snapshot holds, but for the steps."""
    for uid, values in before["studies"].items():
        if values is None:  # a performed step had announced it; nothing of it has come
            tx.execute(StudyRow.delete().where(StudyRow.study_instance_uid == uid, StudyRow.received == 0))
        else:
            tx.execute(StudyRow.update(**values).where(StudyRow.study_instance_uid == uid))
    for key, found in before["instances"].items():
        values = dict(zip(_INSTANCE, found, strict=True))
        tx.execute(InstanceRow.update(**values).where(InstanceRow.key == int(key)))
    for performed_uid, position, reason in before["references"]:
        tx.execute(
            PerformedReferenceRow.update(link_reason=reason).where(
                PerformedReferenceRow.performed_uid == performed_uid, PerformedReferenceRow.position == position
            )
        )
    tx.execute(PerformedLinkRow.delete().where(PerformedLinkRow.performed_uid.in_(list(scope.performed))))
    tx.insert_all(PerformedLinkRow, (dict(zip(_LINK, link, strict=True)) for link in before["links"]))
    for uid, decision in before["decisions"].items():
        decide(tx, uid, decision)
    for alarm in before["alarms"]:
        tx.execute(AlarmRow.insert(**alarm).on_conflict_ignore())


def decide(tx: Transaction, study_instance_uid: str, values: dict[str, Any] | None) -> None:
    """Keep where further images of a study belong; None: the rules say."""
    tx.execute(StudyDecisionRow.delete().where(StudyDecisionRow.study_instance_uid == study_instance_uid))
    if values is not None:
        tx.execute(StudyDecisionRow.insert(**values))


def clear_alarms(tx: Transaction, study_instance_uid: str) -> None:
    """End the alarms of images that wait in a study, when none does any more."""
    waits = tx.value(
        InstanceRow.select(InstanceRow.key)
        .where(InstanceRow.study_instance_uid == study_instance_uid, InstanceRow.current == 1)
        .where(InstanceRow.order_id == "")
        .limit(1)
    )
    if waits is None:
        subject = AlarmRow.subject == f"study {study_instance_uid}"
        tx.execute(AlarmRow.delete().where(subject, AlarmRow.kind.in_(WAITING_REASONS)))


def is_spoken_for(tx: Transaction, order_id: str, requested_procedure_id: str, step_id: str) -> bool:
    """Say whether an image or a performed step belongs to a scheduled step."""
    links = PerformedLinkRow.select(PerformedLinkRow.performed_uid).where(
        PerformedLinkRow.order_id == order_id, PerformedLinkRow.step_id == step_id
    )
    if tx.value(links) is not None:
        return True
    of_order = StudyRow.select(StudyRow.study_instance_uid).where(StudyRow.order_id == order_id)
    by_hand = MatchRow.select(MatchRow.study_instance_uid).where(MatchRow.order_id == order_id)
    of_procedure = StudyRow.select(StudyRow.study_instance_uid).where(
        StudyRow.order_id == order_id, StudyRow.requested_procedure_id == requested_procedure_id
    )
    mine = (InstanceRow.step_id == step_id) | (
        (InstanceRow.step_id == "") & InstanceRow.study_instance_uid.in_(of_procedure)
    )
    images = InstanceRow.select(InstanceRow.key).where(
        InstanceRow.study_instance_uid.in_(of_order) | InstanceRow.study_instance_uid.in_(by_hand),
        InstanceRow.current == 1,
        InstanceRow.order_id == order_id,
        mine,
    )
    return tx.value(images) is not None


def told_since(before: Snapshot, current: Snapshot) -> list[str]:
    """Return the orders of which images were told since, though they belonged elsewhere before."""
    orders = {
        values[0]
        for key, values in current["instances"].items()
        if values[3] is not None and values[0] and values[0] != before["instances"][key][0]
    }
    return sorted(orders)


def look_anew(tx: Transaction, uid: str, before: Snapshot, again: Sequence[str], now: int) -> None:
    """Let the worker look at a study that is as before; what was withdrawn meanwhile is told once more."""
    was = before["studies"].get(uid)
    if was is None:
        return
    study_rows.set_study(tx, uid, due_at=now)
    if was["order_id"] and was["order_id"] in again:
        study_rows.set_study(tx, uid, reported_at=None)
        mine = (InstanceRow.study_instance_uid == uid) & (InstanceRow.order_id == was["order_id"])
        tx.execute(InstanceRow.update(told_at=None).where(mine))
