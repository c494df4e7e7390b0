"""The record of a decision: the row that undoes it, and what the audit says of it; inside somebody's transaction."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from dicom_gateway.storage import audit
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.database import Row, Transaction
from dicom_gateway.storage.match_cases import Target
from dicom_gateway.storage.match_rows import Scope, Snapshot, snapshot
from dicom_gateway.storage.match_tables import MatchRow

MATCH, UNMATCH = "match", "unmatch"


@dataclass(frozen=True, slots=True)
class Matched:
    """A decision as it was kept: `key` undoes it. `undone_at`: when that was done."""

    key: int
    at: int
    who: str
    action: str
    study_instance_uid: str
    performed_uid: str
    order_id: str
    undone_at: int | None = None


def keep_match(
    tx: Transaction, action: str, now: int, actor: Actor, scope: Scope, before: Snapshot, study_uid: str,
    performed_uid: str, target: Target | tuple[str, str], withdrawn: Sequence[str] = (),
) -> int:  # fmt: skip
    after = {**snapshot(tx, scope), "scope": scope.as_json(), "withdrawn": [*withdrawn]}
    order_id, procedure_id, step_id = (
        (target.order.id, target.requested_procedure_id, target.step_id)
        if isinstance(target, Target)
        else (*target, "")
    )
    row = MatchRow.insert(
        at=now,
        who=actor.who,
        action=action,
        study_instance_uid=study_uid,
        performed_uid=performed_uid,
        order_id=order_id,
        requested_procedure_id=procedure_id,
        step_id=step_id,
        before=json.dumps(before),
        after=json.dumps(after),
    )
    return int(tx.execute(row))


def matched_of(row: Row) -> Matched:
    return Matched(**{name: row[name] for name in Matched.__slots__})


def record_match(
    tx: Transaction, now: int, actor: Actor, action: str, study_uid: str, performed_uid: str, order_id: str, detail: str
) -> None:
    """Write the audit of what was matched, and of the order."""
    subject = f"study {study_uid}" if study_uid else f"performed step {performed_uid}"
    audit.record(tx, now, actor, action, subject, f"order {order_id}, {detail}")
    audit.record(tx, now, actor, action, f"order {order_id}", f"{subject}, {detail}")
