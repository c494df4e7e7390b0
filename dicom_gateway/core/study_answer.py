"""A received study as the API shows it: what is known of it, its series and its instances with their versions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from dicom_gateway.core.completeness import NO_OWN, Templates, counted
from dicom_gateway.core.envelope import animal_of, describe_expected, describe_instance, describes_animal
from dicom_gateway.core.local_time import iso_utc
from dicom_gateway.core.model import Instance, InstanceHeader, Order, Study
from dicom_gateway.errors import NotFound

_ALL: Final = 10_000  # studies of one order: more than any has


class Studies(Protocol):
    """Where received studies are found."""

    def find(self, order_id: str = "", *, limit: int = ...) -> Sequence[Study]:
        """Return the studies of an order."""
        ...

    def get(self, study_instance_uid: str) -> tuple[Study, Sequence[Instance]]:
        """Return a study and its instances; raises NotFound."""
        ...


class Orders(Protocol):
    """Where orders are found."""

    def get(self, order_id: str) -> Order:
        """Return an order; raises NotFound."""
        ...


@dataclass(frozen=True, slots=True)
class Ordered:
    """The order of a study, and the images of its procedure that came in other studies."""

    order: Order
    elsewhere: Sequence[InstanceHeader] = ()


def ordered(study: Study, orders: Orders, studies: Studies) -> Ordered | None:
    """Return the order of a study with what came for its procedure elsewhere; None when no order is known."""
    try:
        order = orders.get(study.order_id) if study.order_id else None
    except NotFound:
        return None
    if order is None:
        return None
    siblings = [
        other.study_instance_uid
        for other in studies.find(order_id=order.id, limit=_ALL)
        if other.requested_procedure_id == study.requested_procedure_id
        and other.study_instance_uid != study.study_instance_uid
    ]
    return Ordered(order, [header for uid in siblings for header in _of_order(order.id, studies.get(uid)[1])])


def _of_order(order_id: str, instances: Iterable[Instance]) -> list[InstanceHeader]:
    """Return the headers of the current instances that belong to an order ("": to none)."""
    return [instance.header for instance in instances if instance.current and instance.order_id == order_id]


def study_summary(study: Study) -> dict[str, Any]:
    """Return a study without its series."""
    return {
        "instance_uid": study.study_instance_uid,
        "order_id": study.order_id or None,
        "requested_procedure_id": study.requested_procedure_id or None,
        "link_reason": study.link_reason or None,
        "patient": {
            "id": study.patient_id or None,
            "issuer": study.issuer or None,
            "name": study.patient_name or None,
        },
        "accession_number": study.accession_number or None,
        "modality": study.modality or None,
        "started_at": _instant(study.started_at),
        "last_received_at": _instant(study.last_received_at),
        "reported_at": _instant(study.reported_at),
        "evidence": study.evidence or None,
        "received": study.received,
        "waiting": study.waiting,
    }


def study_document(
    study: Study,
    instances: Iterable[Instance],
    public_url: str,
    of: Ordered | None = None,
    templates: Templates = NO_OWN,
) -> dict[str, Any]:
    """Return a study with what is expected of it, its series, instances and their versions; links begin with
    `public_url`."""
    instances = list(instances)
    headers = _of_order(study.order_id, instances)
    summary = study_summary(study)
    animal = animal_of(headers, of.order.patient if of else None)
    animals_of = study.order_id if describes_animal(animal) else None
    return {
        **summary,
        "patient": summary["patient"] | animal,
        **_expected(study, headers, of, templates),
        "series": _series(instances, public_url, animals_of),
    }


def _expected(
    study: Study, headers: Sequence[InstanceHeader], of: Ordered | None, templates: Templates
) -> dict[str, Any]:
    procedures = of.order.procedures if of else ()
    procedure = next((one for one in procedures if one.id == study.requested_procedure_id), None)
    if of is None or procedure is None:
        return describe_expected(None, 0, templates) | {"counted": None}
    return describe_expected(procedure, len(counted([*headers, *of.elsewhere])), templates)


def in_series(instances: Iterable[Instance]) -> list[list[list[Instance]]]:
    """Return the versions of each instance instances of each series, series of a study, by
    number."""
    by_series: dict[str, dict[str, list[Instance]]] = {}
    for instance in instances:
        header = instance.header
        by_series.setdefault(header.series_instance_uid, {}).setdefault(header.sop_instance_uid, []).append(instance)
    series = [
        sorted(members.values(), key=lambda versions: _number(current(versions))) for members in by_series.values()
    ]
    return sorted(series, key=lambda members: _order(current(members[0]).header.series_number))


def _series(instances: Iterable[Instance], public_url: str, animals_of: str | None) -> list[dict[str, Any]]:
    described = []
    for members in in_series(instances):
        header = current(members[0]).header
        described.append(
            {
                "instance_uid": header.series_instance_uid,
                "number": header.series_number,
                "modality": header.modality or None,
                "description": header.series_description or None,
                "received": len(members),
                "instances": [_instance(current(versions), versions, public_url, animals_of) for versions in members],
            }
        )
    return described


def current(versions: Sequence[Instance]) -> Instance:
    """Return the version that counts."""
    return next((instance for instance in versions if instance.current), versions[0])


def _order(number: int | None) -> tuple[bool, int]:
    return number is None, number or 0


def _number(instance: Instance) -> tuple[bool, int, int]:
    return (*_order(instance.header.instance_number), instance.key)


def _instance(head: Instance, versions: Sequence[Instance], public_url: str, animals_of: str | None) -> dict[str, Any]:
    """Return an instance; those of the order `animals_of` ("": of none) are of an animal."""
    url = f"{public_url}/api/v1/instances/{head.header.sop_instance_uid}"
    thumbnail = {"media_type": "image/jpeg", "href": f"{url}/thumbnail"}
    return {
        **describe_instance(head.header, thumbnail, head.order_id == animals_of),
        "file": {"media_type": "application/dicom", "href": f"{url}/file"},
        "received_at": _instant(head.received_at),
        "calling_ae_title": head.calling_ae_title,
        "step_id": head.step_id or None,
        "flags": list(head.flags),
        "versions": [_version(version) for version in versions],
    }


def _version(version: Instance) -> dict[str, Any]:
    return {
        "version": version.version,
        "current": version.current,
        "received_at": _instant(version.received_at),
        "transfer_syntax_uid": version.stored.transfer_syntax_uid,
        "sha256": version.stored.sha256,
        "length": version.stored.length,
        "flags": list(version.flags),
    }


def _instant(value: int | None) -> str | None:
    return iso_utc(value) if value else None
