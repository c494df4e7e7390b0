"""Examples of what the API takes and gives, shown by its documentation; a test holds their keys to the real answers."""

from typing import Any
from zoneinfo import ZoneInfo

from dicom_gateway.core.model import Order
from dicom_gateway.core.order_answer import order_document
from dicom_gateway.core.order_document import parse_order

_AT = 1_790_000_000_000_000
_UID = "2.25.329800735698586629295641978511506172918"

EXAMPLE_ORDER: dict[str, Any] = {
    "source": "mypms",
    "placer_order_number": "A-1001",
    "priority": "ROUTINE",
    "referring_physician": "Roe^Ann",
    "reason": "cough",
    "patient": {
        "id": "P-78",
        "issuer": "MYPMS",
        "name": "Doe^Rex",
        "birth_date": "2019-05-01",
        "sex": "M",
        "weight_kg": 31.5,
        "species": "Canine",
        "breed": "Labrador Retriever",
        "neutered": True,
        "responsible_person": "Doe^Jane",
        "other_ids": [{"id": "276098100123456", "type": "microchip"}],
    },
    "procedures": [
        {
            "code": {"value": "THX2", "scheme": "99LOCAL", "meaning": "Thorax 2 views"},
            "description": "Thorax 2 views",
            "steps": [
                {
                    "modality": "DX",
                    "station_ae_titles": ["DX1"],
                    "start": "2026-11-23T10:15:00",
                    "description": "Thorax 2 views",
                    "performer": "Roe^Ann",
                    "expected_instances": 2,
                }
            ],
        }
    ],
}


def _placed() -> Order:
    order = parse_order(EXAMPLE_ORDER, ZoneInfo("UTC"))
    procedure = order.procedures[0]
    step = procedure.steps[0].evolve(id="SPS0000000001")
    procedure = procedure.evolve(id="RP0000000001", study_instance_uid=_UID, steps=(step,))
    return order.evolve(
        id="0123456789abcdef0123456789", created_at=_AT, accession_number="0000000001", procedures=(procedure,)
    )


EXAMPLE_ANSWER: dict[str, Any] = order_document(_placed())
EXAMPLE_PROBLEM: dict[str, Any] = {
    "type": "about:blank",
    "title": "Unprocessable Entity",
    "status": 422,
    "detail": "some values cannot be taken",
    "errors": [{"field": "procedures[0].steps[0].start", "message": "is required"}],
}
EXAMPLE_BATCH: dict[str, Any] = {
    "results": [{"status": 201, "order": EXAMPLE_ANSWER}, {"status": 422, "problem": EXAMPLE_PROBLEM}]
}
EXAMPLE_SUMMARY: dict[str, Any] = {
    "instance_uid": _UID,
    "order_id": EXAMPLE_ANSWER["id"],
    "requested_procedure_id": "RP0000000001",
    "link_reason": "study instance UID",
    "patient": {"id": "P-78", "issuer": "MYPMS", "name": "Doe^Rex"},
    "accession_number": "0000000001",
    "modality": "DX",
    "started_at": "2026-11-23T10:20:00.000Z",
    "last_received_at": "2026-11-23T10:21:30.000Z",
    "reported_at": "2026-11-23T10:21:31.000Z",
    "evidence": "mpps+images",
    "received": 1,
    "waiting": 0,
}
_INSTANCE = f"/api/v1/instances/{_UID}1"
EXAMPLE_STUDY: dict[str, Any] = {
    **EXAMPLE_SUMMARY,
    "series": [
        {
            "instance_uid": _UID + "0",
            "number": 1,
            "modality": "DX",
            "description": "Thorax",
            "received": 1,
            "instances": [
                {
                    "sop_instance_uid": _UID + "1",
                    "sop_class_uid": "1.2.840.10008.5.1.4.1.1.1.1",
                    "modality": "DX",
                    "number": 1,
                    "rows": 2600,
                    "columns": 2000,
                    "frames": None,
                    "view": "LL",
                    "laterality": None,
                    "teeth": [],
                    "acquired_at": "2026-11-23T10:19:55",
                    "thumbnail": {"media_type": "image/jpeg", "href": f"{_INSTANCE}/thumbnail"},
                    "file": {"media_type": "application/dicom", "href": f"{_INSTANCE}/file"},
                    "received_at": "2026-11-23T10:20:00.000Z",
                    "calling_ae_title": "DX1",
                    "step_id": "SPS0000000001",
                    "flags": [],
                    "versions": [
                        {
                            "version": 1,
                            "current": True,
                            "received_at": "2026-11-23T10:20:00.000Z",
                            "transfer_syntax_uid": "1.2.840.10008.1.2.1",
                            "sha256": "00" * 32,
                            "length": 10400998,
                            "flags": [],
                        }
                    ],
                }
            ],
        }
    ],
}
_DELIVERY: dict[str, Any] = {
    "target": "clinic",
    "status": "pending",
    "attempts": 2,
    "detail": "connection refused",
    "created_at": "2026-11-23T10:21:31.000Z",
    "due_at": "2026-11-23T10:22:01.000Z",
    "first_try_at": "2026-11-23T10:21:31.000Z",
    "finished_at": None,
}
_EVENT: dict[str, Any] = {
    "event_id": "evt_0123456789abcdef0123456789",
    "type": "study.received",
    "order_id": EXAMPLE_ANSWER["id"],
    "study_instance_uid": _UID,
}
EXAMPLE_DELIVERY: dict[str, Any] = {**_EVENT, **_DELIVERY}
EXAMPLE_EVENT: dict[str, Any] = {
    **_EVENT,
    "occurred_at": "2026-11-23T10:21:31.000Z",
    "envelope": {"id": "evt_0123456789abcdef0123456789", "type": "study.received"},
    "deliveries": [_DELIVERY],
}
EXAMPLE_UNKNOWN_DEVICE: dict[str, Any] = {
    "ae_title": "NEWPANO",
    "address": "192.168.1.40",
    "called_ae_title": "DCMGATEWAY",
    "first_seen_at": "2026-11-23T09:00:00.000Z",
    "last_seen_at": "2026-11-23T09:05:00.000Z",
    "attempts": 3,
}
EXAMPLE_ALARM: dict[str, Any] = {
    "id": 7,
    "kind": "delivery parked",
    "subject": "evt_0123456789abcdef0123456789",
    "detail": "clinic: 404 Not Found",
    "count": 1,
    "raised_at": "2026-11-26T10:21:31.000Z",
}
