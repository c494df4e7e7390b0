"""The events that a PMS gets, and the envelope that they come in: every key always there, null or [] when empty.

docs/webhook.md describes each key to its reader; a test holds the two together. An event says what was true when it
occurred, however late it is delivered.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from dicom_gateway.core.completeness import NO_OWN, Templates, shortfall
from dicom_gateway.core.local_time import iso_utc
from dicom_gateway.core.model import InstanceHeader, Order, Patient, RequestedProcedure, Study
from dicom_gateway.core.patients import Merge
from dicom_gateway.core.species import species_code
from dicom_gateway.core.status import OrderStatus
from dicom_gateway.core.teeth import universal_tooth

MAX_INSTANCES = 500
ALL_THUMBNAILS_UP_TO = 20  # images of a series; of a longer one the first, the middle and the last have one


class EventType(StrEnum):
    """What a PMS can be told."""

    ORDER_STARTED = "order.started"  # a device reported the first step started, or its first image came
    ORDER_COMPLETED = "order.completed"  # every step has ended and one at least is completed
    ORDER_DISCONTINUED = "order.discontinued"  # every step has ended and none is completed
    ORDER_CANCELED = "order.canceled"  # every step was cancelled before it began
    ORDER_CANCEL_REFUSED = "order.cancel_refused"  # too late: a step has begun
    ORDER_INCOMPLETE = "order.incomplete"  # quiet for long, and images are missing
    STUDY_RECEIVED = "study.received"  # complete, once a study
    STUDY_UPDATED = "study.updated"  # images came after study.received
    STUDY_UNMATCHED = "study.unmatched"  # received, and no order is known for it
    STUDY_WITHDRAWN = "study.withdrawn"  # a person says that a study is not of this order
    PATIENT_MERGED = "patient.merged"  # an id that you were told is now another one
    PATIENT_UNMERGED = "patient.unmerged"  # that was undone
    TEST = "test"  # sent by `dicom-gateway pms test`


ORDER_EVENTS = {
    OrderStatus.STARTED: EventType.ORDER_STARTED,
    OrderStatus.COMPLETED: EventType.ORDER_COMPLETED,
    OrderStatus.DISCONTINUED: EventType.ORDER_DISCONTINUED,
    OrderStatus.CANCELED: EventType.ORDER_CANCELED,
}


@dataclass(frozen=True, slots=True)
class StudyFacts:
    """What an event says of a study: the study, its images by now, the procedure that it is of, how many images of all
    studies of the procedure count, and what a report names that is missing."""

    study: Study
    headers: Sequence[InstanceHeader] = ()
    procedure: RequestedProcedure | None = None
    counted: int = 0
    missing: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """Something to tell. `instance_keys` are the instances that it shows (at most MAX_INSTANCES are sent)."""

    type: EventType
    occurred_at: int
    order: Order | None = None
    facts: StudyFacts | None = None
    instance_keys: tuple[int, ...] = ()
    evidence: str = ""
    late: bool = False
    merge: Merge | None = None

    @property
    def subject(self) -> str:
        """Events of one subject are delivered in order."""
        if self.merge:
            return merge_subject(self.merge)
        if self.order:
            return self.order.id
        return self.facts.study.study_instance_uid if self.facts else ""


def merge_subject(merge: Merge) -> str:
    """Return what the events of a merge are about."""
    return f"patient merge {merge.key}"


def envelope(event_id: str, event: Event, templates: Templates = NO_OWN) -> dict[str, Any]:
    """Return the event as JSON values; `instances` is filled by whoever delivers it."""
    order, facts, merge = event.order, event.facts, event.merge
    return {
        "id": event_id,
        "type": event.type.value,
        "occurred_at": iso_utc(event.occurred_at),
        "source": order.source if order else (merge.source or None) if merge else None,
        "order": _order(order) if order else None,
        "patient": _of_merge(merge) if merge else _patient(order, facts),
        "study": _study(facts, templates) if facts else None,
        "series": _series(facts.headers) if facts else [],
        "instances": [],
        "instances_truncated": len(event.instance_keys) > MAX_INSTANCES,
        "evidence": event.evidence or None,
        "late": event.late,
        "merge": _merge(merge) if merge else None,
    }


def _of_merge(merge: Merge) -> dict[str, Any]:
    patient_id = merge.survivor_id if merge.undone_at is None else merge.old_id
    return {"id": patient_id, "issuer": merge.issuer or None, **_NOBODY}


def _merge(merge: Merge) -> dict[str, Any]:
    return {"id": merge.key, "kind": merge.kind.value, "old_id": merge.old_id, "survivor_id": merge.survivor_id}


def _order(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "placer_order_number": order.placer_order_number,
        "accession_number": order.original_accession_number or order.accession_number,
        "status": order.status.value,
    }


def _patient(order: Order | None, facts: StudyFacts | None) -> dict[str, Any] | None:
    known = order.patient if order else None
    headers = facts.headers if facts else ()
    if known:
        return {"id": known.id, "issuer": known.issuer or None, **animal_of(headers, known)}
    if facts:
        study = facts.study
        return {"id": study.patient_id or None, "issuer": study.issuer or None, **animal_of(headers)}
    return None


def describe_animal(known: Patient | InstanceHeader) -> dict[str, Any]:
    """Return what an order or an image says of an animal; null where it says nothing."""
    code = known.species_code if isinstance(known, Patient) else None
    return {
        "species": known.species or (code.meaning if code else "") or None,
        "breed": known.breed or None,
        "neutered": known.neutered,
        "responsible_person": known.responsible_person or None,
        "responsible_organization": known.responsible_organization or None,
    }


_HUMAN: Final = species_code("Homo sapiens")
_NOBODY: Final = describe_animal(InstanceHeader("", "", "", ""))


def animal_of(headers: Iterable[InstanceHeader], ordered: Patient | None = None) -> dict[str, Any]:
    """Return what the patient of the order says of an animal, else the first of the images that says something."""
    sayings: Iterable[Patient | InstanceHeader] = [*([ordered] if ordered else []), *headers]
    return next((found for one in sayings if (found := describe_animal(one)) != _NOBODY), _NOBODY)


def describes_animal(described: Mapping[str, Any] | None) -> bool:
    """Say whether a patient, as an event or the API shows one, is an animal; None is nobody."""
    described = described or {}
    if species := described.get("species"):
        return species_code(species) != _HUMAN
    return bool(described.get("breed")) or described.get("neutered") is not None


def _study(facts: StudyFacts, templates: Templates) -> dict[str, Any]:
    study = facts.study
    return {
        "instance_uid": study.study_instance_uid,
        "modality": study.modality or None,
        "started_at": iso_utc(study.started_at) if study.started_at else None,
        "received": len(facts.headers),
        **describe_expected(facts.procedure, facts.counted, templates),
        "missing": sorted(facts.missing),
    }


def describe_expected(procedure: RequestedProcedure | None, here: int, templates: Templates) -> dict[str, Any]:
    """Return how many images are expected of a procedure, and how far the `here` that count are from that."""
    expected = templates.expected(procedure) if procedure else None
    return {
        "expected": expected.images if expected else None,
        "expected_from": expected.origin if expected else None,
        "counted": here,
        "shortfall": shortfall(expected, here) or None,
    }


def _series(headers: Iterable[InstanceHeader]) -> list[dict[str, Any]]:
    by_uid: dict[str, list[InstanceHeader]] = {}
    for header in headers:
        by_uid.setdefault(header.series_instance_uid, []).append(header)
    return [
        {
            "instance_uid": uid,
            "number": members[0].series_number,
            "modality": members[0].modality or None,
            "description": members[0].series_description or None,
            "received": len(members),
        }
        for uid, members in sorted(by_uid.items(), key=lambda item: (item[1][0].series_number or 0, item[0]))
    ]


def describe_instance(
    header: InstanceHeader, thumbnail: dict[str, Any] | None, is_animal: bool = False
) -> dict[str, Any]:
    """Return an instance as an event and the API show it. Of an animal no teeth are read from words, and an image that
    names no species does not know that it is one."""
    if is_animal and "teeth" in header.from_text:
        said = tuple(name for name in header.from_text if name != "teeth")
        header = replace(header, teeth=(), supernumerary_teeth=(), from_text=said)
    return {
        "sop_instance_uid": header.sop_instance_uid,
        "sop_class_uid": header.sop_class_uid,
        "modality": header.modality or None,
        "number": header.instance_number,
        "rows": header.rows,
        "columns": header.columns,
        "frames": header.frames,
        "view": header.view or None,
        "region": header.region or None,
        "laterality": header.laterality or None,
        "teeth": list(header.teeth),
        "supernumerary_teeth": list(header.supernumerary_teeth),
        "teeth_universal": [
            *(universal_tooth(tooth) for tooth in header.teeth),
            *(universal_tooth(tooth, supernumerary=True) for tooth in header.supernumerary_teeth),
        ],
        "from_text": list(header.from_text),
        "acquired_at": header.acquired_at or None,
        "thumbnail": thumbnail,
    }


def with_thumbnail(headers: Sequence[InstanceHeader]) -> frozenset[str]:
    """Return the SOP Instance UIDs that get a thumbnail: all of a short series; of a long one the first, the middle
    and the last (a dental CBCT is 400 to 600 objects)."""
    by_series: dict[str, list[InstanceHeader]] = {}
    for header in headers:
        by_series.setdefault(header.series_instance_uid, []).append(header)
    chosen: set[str] = set()
    for members in by_series.values():
        members.sort(key=lambda header: (header.instance_number is None, header.instance_number or 0))
        if len(members) > ALL_THUMBNAILS_UP_TO:
            members = [members[0], members[len(members) // 2], members[-1]]
        chosen.update(header.sop_instance_uid for header in members)
    return frozenset(chosen)
