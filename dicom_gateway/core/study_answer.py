"""A received study as the API shows it: what is known of it, its series and its instances with their versions."""

from collections.abc import Iterable, Sequence
from typing import Any

from dicom_gateway.core.envelope import animal_of, describe_instance
from dicom_gateway.core.local_time import iso_utc
from dicom_gateway.core.model import Instance, Study


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


def study_document(study: Study, instances: Iterable[Instance], public_url: str) -> dict[str, Any]:
    """Return a study with its series, instances and their versions; links begin with `public_url`."""
    instances = list(instances)
    summary = study_summary(study)
    patient = summary["patient"] | animal_of(one.header for one in instances if one.current)
    return {**summary, "patient": patient, "series": _series(instances, public_url)}


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


def _series(instances: Iterable[Instance], public_url: str) -> list[dict[str, Any]]:
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
                "instances": [_instance(current(versions), versions, public_url) for versions in members],
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


def _instance(head: Instance, versions: Sequence[Instance], public_url: str) -> dict[str, Any]:
    url = f"{public_url}/api/v1/instances/{head.header.sop_instance_uid}"
    thumbnail = {"media_type": "image/jpeg", "href": f"{url}/thumbnail"}
    return {
        **describe_instance(head.header, thumbnail),
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
