"""Studies and instances as rows, inside somebody's transaction."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from peewee import fn

from dicom_gateway.core.completeness import counted
from dicom_gateway.core.completion import Progress, Reported, missing
from dicom_gateway.core.envelope import StudyFacts
from dicom_gateway.core.linking import Link
from dicom_gateway.core.model import Instance, InstanceHeader, Order, RequestedProcedure, StoredObject, Study
from dicom_gateway.core.status import PerformedStatus
from dicom_gateway.storage.codec import dump_header, load_header
from dicom_gateway.storage.database import Row, Transaction
from dicom_gateway.storage.prepared import Statement, columns, given, several
from dicom_gateway.storage.tables import (
    InstanceRow,
    PerformedImageRow,
    PerformedLinkRow,
    PerformedStepRow,
    StudyRow,
)

_STUDY_FIELDS = (
    "study_instance_uid",
    "order_id",
    "requested_procedure_id",
    "link_reason",
    "patient_id",
    "issuer",
    "patient_name",
    "accession_number",
    "modality",
    "started_at",
    "last_received_at",
    "reported_at",
    "evidence",
    "received",
)
_INSTANCE_FIELDS = (
    "sop_instance_uid",
    "version",
    "current",
    "sop_class_uid",
    "study_instance_uid",
    "series_instance_uid",
    "accession_number",
    "transfer_syntax_uid",
    "sha256",
    "object_name",
    "data_offset",
    "data_length",
    "received_at",
    "calling_ae_title",
    "order_id",
    "step_id",
    "link_reason",
    "flags",
    "header",
)
_GET_STUDY = Statement(
    StudyRow.select(*(getattr(StudyRow, name) for name in _STUDY_FIELDS)).where(
        StudyRow.study_instance_uid == given("study_instance_uid")
    )
)
_PUT_STUDY = Statement(
    StudyRow.insert(**columns((*_STUDY_FIELDS, "due_at"))).on_conflict(
        conflict_target=[StudyRow.study_instance_uid],
        preserve=[getattr(StudyRow, name) for name in (*_STUDY_FIELDS[1:], "due_at")],
    )
)
_COUNT_IMAGE = Statement(
    StudyRow.update(**columns(("received", "last_received_at", "due_at"))).where(
        StudyRow.study_instance_uid == given("study_instance_uid")
    )
)
_ADD_INSTANCE = Statement(InstanceRow.insert(**columns(_INSTANCE_FIELDS)))
_INSTANCES_OF = Statement(
    InstanceRow.select()
    .where(InstanceRow.study_instance_uid == given("study_instance_uid"), InstanceRow.current == 1)
    .order_by(InstanceRow.key)
)
_REPORTED_OF = Statement(
    PerformedLinkRow.select(PerformedLinkRow.step_id, PerformedStepRow)
    .join(PerformedStepRow, on=(PerformedStepRow.sop_instance_uid == PerformedLinkRow.performed_uid))
    .where(PerformedLinkRow.order_id == given("order_id"), PerformedLinkRow.step_id.in_(several("step_ids")))
)
_IMAGES_OF = Statement(
    PerformedImageRow.select(PerformedImageRow.sop_instance_uid).where(
        PerformedImageRow.performed_uid == given("performed_uid")
    )
)


def study_of(row: Row) -> Study:
    """Return a study from its row."""
    return Study(**{name: row[name] for name in _STUDY_FIELDS})


def get_study(tx: Transaction, study_instance_uid: str) -> Study | None:
    """Return a study by its UID."""
    row = tx.row(_GET_STUDY, study_instance_uid=study_instance_uid)
    return Study(**row) if row else None


def put_study(tx: Transaction, study: Study, due_at: int | None) -> None:
    """Write a study, new or changed, and when to look at it again."""
    tx.execute(_PUT_STUDY, due_at=due_at, **{name: getattr(study, name) for name in _STUDY_FIELDS})


def count_image(tx: Transaction, study: Study, due_at: int) -> None:
    """Write of a known study only how many images it has, when the last came, and when to look at it again."""
    tx.execute(
        _COUNT_IMAGE,
        study_instance_uid=study.study_instance_uid,
        received=study.received,
        last_received_at=study.last_received_at,
        due_at=due_at,
    )


def linked(study: Study, link: Link, header: InstanceHeader) -> Study:
    """Return the study linked to an order by one of its images, unless it is already: from then on it shows the
    patient of that image, not one of a stranger's that came before."""
    if study.order_id or not link.order_id:
        return study
    return study.evolve(
        order_id=link.order_id,
        requested_procedure_id=link.requested_procedure_id,
        link_reason=link.reason.value,
        patient_id=header.patient_id.strip(),
        issuer=header.issuer.strip(),
        patient_name=header.patient_name,
        accession_number=header.accession_number.strip(),
        modality=header.modality or study.modality,
    )


def set_study(tx: Transaction, study_instance_uid: str, **values: object) -> None:
    """Change columns of a study."""
    tx.execute(StudyRow.update(**values).where(StudyRow.study_instance_uid == study_instance_uid))


def instance_of(row: Row) -> Instance:
    """Return an instance from its row."""
    stored = StoredObject(
        row["object_name"], row["transfer_syntax_uid"], row["data_offset"], row["data_length"], row["sha256"]
    )
    return Instance(
        key=row["key"],
        header=load_header(row["header"]),
        stored=stored,
        received_at=row["received_at"],
        calling_ae_title=row["calling_ae_title"],
        version=row["version"],
        current=bool(row["current"]),
        order_id=row["order_id"],
        step_id=row["step_id"],
        link_reason=row["link_reason"],
        flags=tuple(json.loads(row["flags"])),
    )


def add_instance(tx: Transaction, instance: Instance) -> int:
    """Index a received object; return its key."""
    header, stored = instance.header, instance.stored
    key = tx.execute(
        _ADD_INSTANCE,
        sop_instance_uid=header.sop_instance_uid,
        version=instance.version,
        current=int(instance.current),
        sop_class_uid=header.sop_class_uid,
        study_instance_uid=header.study_instance_uid,
        series_instance_uid=header.series_instance_uid,
        accession_number=header.accession_number.strip(),
        transfer_syntax_uid=stored.transfer_syntax_uid,
        sha256=stored.sha256,
        object_name=stored.name,
        data_offset=stored.offset,
        data_length=stored.length,
        received_at=instance.received_at,
        calling_ae_title=instance.calling_ae_title,
        order_id=instance.order_id,
        step_id=instance.step_id,
        link_reason=instance.link_reason,
        flags=json.dumps(instance.flags),
        header=dump_header(header),
    )
    return int(key)


def instances_of(tx: Transaction, study_instance_uid: str) -> list[tuple[Instance, bool]]:
    """Return the current instances of a study in the order they came, each with whether an event has shown it."""
    rows = tx.rows(_INSTANCES_OF, study_instance_uid=study_instance_uid)
    return [(instance_of(row), row["told_at"] is not None) for row in rows]


def relink_instance(tx: Transaction, key: int, link: Link) -> None:
    """Write where an instance belongs now."""
    tx.execute(
        InstanceRow.update(order_id=link.order_id, step_id=link.step_id, link_reason=link.reason.value).where(
            InstanceRow.key == key
        )
    )


def told(tx: Transaction, keys: Sequence[int], now: int) -> None:
    """Mark instances as shown by an event."""
    for start in range(0, len(keys), 500):
        tx.execute(InstanceRow.update(told_at=now).where(InstanceRow.key.in_(list(keys[start : start + 500]))))


def reported_of(tx: Transaction, order_id: str, step_ids: Sequence[str]) -> dict[str, tuple[Reported, set[str]]]:
    """Return the performed steps of scheduled steps: by UID what was reported, and which of the steps it performs."""
    found: dict[str, tuple[Reported, set[str]]] = {}
    for row in tx.rows(_REPORTED_OF, order_id=order_id, step_ids=step_ids):
        uid = row["sop_instance_uid"]
        if uid not in found:
            images = frozenset(tx.values(_IMAGES_OF, performed_uid=uid))
            status, calling = PerformedStatus(row["status"]), row["calling_ae_title"]
            found[uid] = (Reported(status, row["changed_at"], images, calling), set())
        found[uid][1].add(row["step_id"])
    return found


@dataclass(frozen=True, slots=True)
class View:
    """A study beside the procedure of its order: the instances that belong to it, each with whether an event has shown
    it, those that wait (`strays`), the performed steps (by UID, with the scheduled steps that each performs), how far
    it is but for what is expected, and what an event says of it."""

    procedure: RequestedProcedure
    instances: Sequence[tuple[Instance, bool]]
    strays: Sequence[Instance]
    reported: dict[str, tuple[Reported, set[str]]]
    progress: Progress
    facts: StudyFacts


def view_of(tx: Transaction, study: Study, order: Order) -> View | None:
    """Return what is known of a study of `order`; None when it belongs to none of its procedures."""
    procedure = next((p for p in order.procedures if p.id == study.requested_procedure_id), None)
    if procedure is None:
        return None
    found = instances_of(tx, study.study_instance_uid)
    mine = [(instance, shown) for instance, shown in found if instance.order_id == order.id]
    reported = reported_of(tx, order.id, [step.id for step in procedure.steps])
    here = frozenset(instance.header.sop_instance_uid for instance, _ in mine)
    named = frozenset[str]().union(*(report.image_uids for report, _ in reported.values()))
    headers = [instance.header for instance, _ in mine]
    others, last_received_at = _others_of_procedure(tx, study)
    count = len(counted([*headers, *others]))
    progress = Progress(
        received_uids=here,
        last_received_at=last_received_at,
        reported=[report for report, _ in reported.values()],
        also_here=_present(tx, named - here),
        received=count,
    )
    facts = StudyFacts(study, headers, procedure, count, sorted(missing(progress)))
    strays = [instance for instance, _ in found if not instance.order_id]
    return View(procedure, mine, strays, reported, progress, facts)


def _others_of_procedure(tx: Transaction, study: Study) -> tuple[list[InstanceHeader], int]:
    """Return the headers of a procedure's instances in its other studies, and when the last of all came: a sensor may
    make a study of each image."""
    of_procedure = (StudyRow.order_id == study.order_id) & (
        StudyRow.requested_procedure_id == study.requested_procedure_id
    )
    uids = StudyRow.select(StudyRow.study_instance_uid).where(of_procedure)
    others = InstanceRow.select(InstanceRow.header).where(
        InstanceRow.study_instance_uid.in_(uids),
        InstanceRow.study_instance_uid != study.study_instance_uid,
        InstanceRow.current == 1,
        InstanceRow.order_id == study.order_id,
    )
    last = StudyRow.select(fn.MAX(StudyRow.last_received_at)).where(of_procedure)
    return [load_header(header) for header in tx.values(others)], int(tx.value(last) or study.last_received_at)


def _present(tx: Transaction, uids: frozenset[str]) -> frozenset[str]:
    """Return those instances that are here, in whatever study."""
    listed = sorted(uids)
    found: set[str] = set()
    for start in range(0, len(listed), 500):
        query = InstanceRow.select(InstanceRow.sop_instance_uid).where(
            InstanceRow.sop_instance_uid.in_(listed[start : start + 500])
        )
        found.update(tx.values(query))
    return frozenset(found)


def facts_of(tx: Transaction, order: Order, study: Study) -> StudyFacts:
    """Return what an event of `order` says of a study now: only images that are linked to the order count."""
    view = view_of(tx, study, order)
    return view.facts if view else StudyFacts(study)


def linked_counts(tx: Transaction, study_instance_uids: Sequence[str]) -> dict[str, int]:
    """Return how many current instances of each study belong to an order."""
    query = (
        InstanceRow.select(InstanceRow.study_instance_uid, fn.COUNT(InstanceRow.key).alias("n"))
        .where(
            InstanceRow.study_instance_uid.in_(list(study_instance_uids)),
            InstanceRow.current == 1,
            InstanceRow.order_id != "",
        )
        .group_by(InstanceRow.study_instance_uid)
    )
    return {row["study_instance_uid"]: row["n"] for row in tx.rows(query)} if study_instance_uids else {}
