"""What was seen of many orders at once, inside somebody's transaction: studies, images, reports, who was served, what
was not delivered. One query for each, however many orders there are."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from peewee import fn

from dicom_gateway.core.completeness import counted
from dicom_gateway.core.model import InstanceHeader, Order, RequestedProcedure, ScheduledStep
from dicom_gateway.core.status import OPEN, PerformedStatus, StepStatus
from dicom_gateway.core.troubles import Known
from dicom_gateway.storage.codec import load_header
from dicom_gateway.storage.database import Row, Transaction
from dicom_gateway.storage.delivery_lines import DeliveryStatus
from dicom_gateway.storage.observation_tables import ServedStepRow
from dicom_gateway.storage.prepared import Statement, several
from dicom_gateway.storage.tables import DeliveryRow, InstanceRow, PerformedLinkRow, PerformedStepRow, StudyRow

_STUDIES = Statement(
    StudyRow.select(
        StudyRow.study_instance_uid,
        StudyRow.order_id,
        StudyRow.requested_procedure_id,
        StudyRow.started_at,
        StudyRow.last_received_at,
        StudyRow.incomplete_told_at,
        StudyRow.received,
    ).where(StudyRow.order_id.in_(several("order_ids")))
)
# A header is JSON text without what is absent; a quote inside a value is escaped, so that these are keys.
_SAYS_MORE: Final = ('"rejected_uids":', '"FOR PROCESSING"', '"is_derived":', '"is_quality_control":', '"rows":0')
_more = sum(
    (fn.INSTR(InstanceRow.header, text) for text in _SAYS_MORE[1:]), fn.INSTR(InstanceRow.header, _SAYS_MORE[0])
)
_IMAGES = Statement(
    InstanceRow.select(
        InstanceRow.study_instance_uid,
        InstanceRow.order_id,
        InstanceRow.step_id,
        fn.COUNT(InstanceRow.key).alias("n"),
        fn.SUM(fn.INSTR(InstanceRow.header, '"rows":') > 0).alias("with_pixels"),
        fn.MAX(_more).alias("more"),
    )
    .where(InstanceRow.study_instance_uid.in_(several("uids")), InstanceRow.current == 1)
    .group_by(InstanceRow.study_instance_uid, InstanceRow.order_id, InstanceRow.step_id)
)
_HEADERS = Statement(
    InstanceRow.select(
        InstanceRow.study_instance_uid, InstanceRow.order_id, InstanceRow.step_id, InstanceRow.header
    ).where(InstanceRow.study_instance_uid.in_(several("uids")), InstanceRow.current == 1)
)
_WAITING = Statement(
    InstanceRow.select(
        InstanceRow.accession_number, InstanceRow.study_instance_uid, fn.COUNT(InstanceRow.key).alias("n")
    )
    .where(InstanceRow.accession_number.in_(several("numbers")), InstanceRow.current == 1, InstanceRow.order_id == "")
    .group_by(InstanceRow.accession_number, InstanceRow.study_instance_uid)
)
_SERVED = Statement(
    ServedStepRow.select(
        ServedStepRow.order_id, ServedStepRow.step_id, ServedStepRow.ae_title, ServedStepRow.first_at
    ).where(ServedStepRow.order_id.in_(several("order_ids")))
)
_PERFORMED = Statement(
    PerformedLinkRow.select(
        PerformedLinkRow.order_id,
        PerformedLinkRow.step_id,
        PerformedStepRow.status,
        PerformedStepRow.calling_ae_title,
        PerformedStepRow.created_at,
        PerformedStepRow.changed_at,
    )
    .join(PerformedStepRow, on=(PerformedStepRow.sop_instance_uid == PerformedLinkRow.performed_uid))
    .where(PerformedLinkRow.order_id.in_(several("order_ids")))
)
_UNDELIVERED = Statement(
    DeliveryRow.select(DeliveryRow.subject, DeliveryRow.target, DeliveryRow.status)
    .distinct()
    .where(
        DeliveryRow.target.in_(several("targets")),
        DeliveryRow.subject.in_(several("order_ids")),
        DeliveryRow.status.in_([DeliveryStatus.PARKED.value, DeliveryStatus.PENDING.value]),
    )
)

_Step = tuple[str, str]  # order id, step id
_Procedure = tuple[str, str]  # order id, requested procedure id


@dataclass(slots=True)
class Gathered:
    """What was seen of the steps of some orders."""

    paused: frozenset[str]
    served: dict[_Step, dict[str, int]] = field(default_factory=dict)
    performed: dict[_Step, list[Row]] = field(default_factory=dict)
    studies: dict[_Procedure, list[Row]] = field(default_factory=dict)
    images: dict[_Procedure, dict[str, int]] = field(default_factory=dict)  # by step id, those that count
    waiting: dict[str, int] = field(default_factory=dict)  # by study or accession number
    undelivered: dict[str, list[Row]] = field(default_factory=dict)

    def of(
        self, order: Order, procedure: RequestedProcedure, step: ScheduledStep, refused: dict[str, int]
    ) -> Known:  # fmt: skip
        """Return what is known of one step; `refused`: devices that were refused, and when."""
        begun = _begun(step)
        performed = self.performed.get((order.id, step.id), [])
        studies = self.studies.get((order.id, procedure.id), []) if begun else []
        served = self.served.get((order.id, step.id), {})
        starts = [row["created_at"] for row in performed] + [row["started_at"] for row in studies if row["started_at"]]
        news = [row["changed_at"] for row in performed] + [row["last_received_at"] for row in studies]
        undelivered = self.undelivered.get(order.id, ())
        return Known(
            served=served,
            refused={one: refused[one] for one in step.station_ae_titles if one in refused},
            performed_by=tuple(dict.fromkeys(row["calling_ae_title"] for row in performed)) if begun else (),
            studies=tuple(row["study_instance_uid"] for row in studies if row["received"]),
            begun_at=min(starts, default=0) if begun else 0,
            news_at=max(news, default=0),
            is_reporting=any(row["status"] == PerformedStatus.IN_PROGRESS.value for row in performed),
            received=self._received(order, procedure, step),
            waiting=self._waiting(order, procedure),
            told_incomplete=any(row["incomplete_told_at"] for row in studies),
            parked=_targets(undelivered, DeliveryStatus.PARKED),
            paused=tuple(one for one in _targets(undelivered, DeliveryStatus.PENDING) if one in self.paused),
        )

    def _received(self, order: Order, procedure: RequestedProcedure, step: ScheduledStep) -> int:
        """Return the images of a step; those that name none belong to the only one that has begun."""
        images = self.images.get((order.id, procedure.id), {})
        begun = [one.id for one in procedure.steps if _begun(one)]
        nobodys = images.get("", 0) if begun == [step.id] or len(procedure.steps) == 1 else 0
        return images.get(step.id, 0) + nobodys

    def _waiting(self, order: Order, procedure: RequestedProcedure) -> int:
        uids = {procedure.study_instance_uid} | {
            row["study_instance_uid"] for row in self.studies.get((order.id, procedure.id), ())
        }
        return sum(self.waiting.get(one, 0) for one in uids) + self.waiting.get(order.accession_number, 0)


def _begun(step: ScheduledStep) -> bool:
    return step.status not in OPEN and step.status is not StepStatus.CANCELED


def _targets(rows: Iterable[Row], status: DeliveryStatus) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row["target"] for row in rows if row["status"] == status.value))


def gather(tx: Transaction, orders: Sequence[Order], targets: Sequence[str], paused: Sequence[str]) -> Gathered:
    """Return what was seen of the steps of these orders; `targets` are told of them, some of which are `paused`."""
    ids = [order.id for order in orders]
    found = Gathered(frozenset(paused))
    for row in tx.rows(_SERVED, order_ids=ids):
        found.served.setdefault((row["order_id"], row["step_id"]), {})[row["ae_title"]] = row["first_at"]
    for row in tx.rows(_PERFORMED, order_ids=ids):
        found.performed.setdefault((row["order_id"], row["step_id"]), []).append(row)
    for row in tx.rows(_UNDELIVERED, targets=list(targets), order_ids=ids):
        found.undelivered.setdefault(row["subject"], []).append(row)
    _gather_images(tx, orders, found)
    return found


def _gather_images(tx: Transaction, orders: Sequence[Order], found: Gathered) -> None:
    procedure_of: dict[str, _Procedure] = {
        procedure.study_instance_uid: (order.id, procedure.id) for order in orders for procedure in order.procedures
    }
    for row in tx.rows(_STUDIES, order_ids=[order.id for order in orders]):
        key = (row["order_id"], row["requested_procedure_id"])
        procedure_of[row["study_instance_uid"]] = key
        found.studies.setdefault(key, []).append(row)
    odd: set[_Procedure] = set()
    for row in tx.rows(_IMAGES, uids=list(procedure_of)):
        uid = row["study_instance_uid"]
        key = procedure_of[uid]
        if not row["order_id"]:
            found.waiting[uid] = found.waiting.get(uid, 0) + row["n"]
        elif row["order_id"] == key[0]:
            of_step = found.images.setdefault(key, {})
            of_step[row["step_id"]] = of_step.get(row["step_id"], 0) + row["with_pixels"]
            if row["more"]:
                odd.add(key)
    if odd:
        found.images.update(_counted(tx, {uid: key for uid, key in procedure_of.items() if key in odd}))
    numbers = [order.accession_number for order in orders]
    for row in tx.rows(_WAITING, numbers=numbers):
        if row["study_instance_uid"] not in procedure_of:
            number = row["accession_number"]
            found.waiting[number] = found.waiting.get(number, 0) + row["n"]


def _counted(tx: Transaction, procedure_of: dict[str, _Procedure]) -> Iterator[tuple[_Procedure, dict[str, int]]]:
    """Yield by procedure how many images of each step count, where their headers say more than that they are images."""
    steps: dict[_Procedure, dict[str, str]] = {}
    headers: dict[_Procedure, list[InstanceHeader]] = {}
    for row in tx.rows(_HEADERS, uids=list(procedure_of)):
        key = procedure_of[row["study_instance_uid"]]
        if row["order_id"] == key[0]:
            header = load_header(row["header"])
            headers.setdefault(key, []).append(header)
            steps.setdefault(key, {})[header.sop_instance_uid] = row["step_id"]
    for key, listed in headers.items():
        of_step: dict[str, int] = {}
        for header in counted(listed):
            step_id = steps[key][header.sop_instance_uid]
            of_step[step_id] = of_step.get(step_id, 0) + 1
        yield key, of_step
