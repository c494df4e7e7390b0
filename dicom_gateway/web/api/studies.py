"""Received studies: what came for an order, and the word of a person that a study is complete: /api/v1/studies."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import Field

from dicom_gateway.core.envelope import describe_instance
from dicom_gateway.core.model import Instance, Study
from dicom_gateway.errors import NotFound
from dicom_gateway.web.examples import EXAMPLE_STUDY, EXAMPLE_SUMMARY
from dicom_gateway.web.pages import FilterText, PagedQuery, instant, page, read_cursor
from dicom_gateway.web.roles import Access, Authorised
from dicom_gateway.web.schema import answers

router = APIRouter(tags=["studies"])


class StudyQuery(PagedQuery):
    """Which studies to list."""

    order_id: Annotated[FilterText, Field(description="only the studies of this order")] = ""


@router.get(
    "/api/v1/studies",
    summary="List received studies, newest first",
    responses=answers({200: "a page of studies"}, {"items": [EXAMPLE_SUMMARY], "next": None}, 422),
)
def list_studies(query: Annotated[StudyQuery, Query()], access: Authorised) -> JSONResponse:
    """A token that is bound to a source sees the studies of its orders."""
    found = access.services.studies.find(
        order_id=query.order_id,
        source=access.source,
        limit=query.limit + 1,
        before=read_cursor(query.cursor),
    )
    shown = found[: query.limit]
    last = (shown[-1].last_received_at, shown[-1].study_instance_uid) if len(found) > len(shown) else None
    return JSONResponse(page([_summary(study) for study in shown], last))


@router.get(
    "/api/v1/studies/{uid}",
    summary="Show a study with its series and instances",
    responses=answers({200: "the study"}, EXAMPLE_STUDY, 404),
)
def show_study(uid: str, access: Authorised) -> JSONResponse:
    """An instance that came again with other bytes has several `versions`; the current one is described."""
    return JSONResponse(_show(uid, access))


@router.post(
    "/api/v1/studies/{uid}/complete",
    summary="Take a study as complete",
    responses=answers({200: "the study, with the evidence `manual`"}, EXAMPLE_STUDY, 404, 409),
)
def complete_study(uid: str, access: Authorised) -> JSONResponse:
    """Ends the started steps that no device reports on, and tells the PMS. Only for a study of an order."""
    access.services.settlement.complete_by_hand(uid, access.actor)
    return JSONResponse(_show(uid, access))


def _show(uid: str, access: Access) -> dict[str, Any]:
    study, instances = access.services.studies.get(uid)
    if not access.sees(study.order_id):
        raise NotFound(f"no study {uid}")
    seen = {order_id: access.sees(order_id) for order_id in {instance.order_id for instance in instances}}
    visible = [instance for instance in instances if seen[instance.order_id]]
    return {**_summary(study), "series": _series(visible, access.services.public_url)}


def _summary(study: Study) -> dict[str, Any]:
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
        "started_at": instant(study.started_at),
        "last_received_at": instant(study.last_received_at),
        "reported_at": instant(study.reported_at),
        "evidence": study.evidence or None,
        "received": study.received,
    }


def _series(instances: Iterable[Instance], public_url: str) -> list[dict[str, Any]]:
    by_series: dict[str, dict[str, list[Instance]]] = {}
    for instance in instances:
        header = instance.header
        by_series.setdefault(header.series_instance_uid, {}).setdefault(header.sop_instance_uid, []).append(instance)
    described = []
    for uid, members in by_series.items():
        heads = sorted((_head(versions) for versions in members.values()), key=_number)
        header = heads[0].header
        described.append(
            {
                "instance_uid": uid,
                "number": header.series_number,
                "modality": header.modality or None,
                "description": header.series_description or None,
                "received": len(heads),
                "instances": [_instance(head, members[head.header.sop_instance_uid], public_url) for head in heads],
            }
        )
    return sorted(described, key=lambda series: (series["number"] is None, series["number"] or 0))


def _head(versions: Sequence[Instance]) -> Instance:
    return next((instance for instance in versions if instance.current), versions[0])


def _number(instance: Instance) -> tuple[bool, int, int]:
    number = instance.header.instance_number
    return number is None, number or 0, instance.key


def _instance(head: Instance, versions: Sequence[Instance], public_url: str) -> dict[str, Any]:
    url = f"{public_url}/api/v1/instances/{head.header.sop_instance_uid}"
    thumbnail = {"media_type": "image/jpeg", "href": f"{url}/thumbnail"}
    return {
        **describe_instance(head.header, thumbnail),
        "file": {"media_type": "application/dicom", "href": f"{url}/file"},
        "received_at": instant(head.received_at),
        "calling_ae_title": head.calling_ae_title,
        "step_id": head.step_id or None,
        "flags": list(head.flags),
        "versions": [
            {
                "version": version.version,
                "current": version.current,
                "received_at": instant(version.received_at),
                "transfer_syntax_uid": version.stored.transfer_syntax_uid,
                "sha256": version.stored.sha256,
                "length": version.stored.length,
                "flags": list(version.flags),
            }
            for version in versions
        ],
    }
