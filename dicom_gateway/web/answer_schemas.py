"""What the API answers about studies, deliveries and alarms, key by key: one table for each kind of answer.

A test holds real answers to these tables, and the examples too. Orders are in order_schemas.py, devices in
device_schemas.py.
"""

from dicom_gateway.core.completion import Evidence
from dicom_gateway.core.envelope import EventType
from dicom_gateway.core.linking import LinkReason
from dicom_gateway.core.status import OrderStatus
from dicom_gateway.storage.delivery_lines import DeliveryStatus
from dicom_gateway.web.device_schemas import device_schemas
from dicom_gateway.web.json_schema import (
    BOOLEAN,
    INSTANT,
    INTEGER,
    Properties,
    Schema,
    list_of,
    nullable,
    page_of,
    record,
    ref,
    text,
)
from dicom_gateway.web.message_schemas import MESSAGES
from dicom_gateway.web.observation_schemas import OBSERVATIONS
from dicom_gateway.web.order_schemas import order_schemas
from dicom_gateway.web.patient_schemas import MERGES

_TEXT, _TEXTS = text(), {"type": "array", "items": text()}
_TEXT_OR_NULL, _NUMBER_OR_NULL, _INSTANT_OR_NULL = nullable(text()), nullable(INTEGER), nullable(INSTANT)
_EVIDENCE = nullable(text(choices=Evidence))
_FLAGS = (
    "`conflict`: it came again with other contents; `re-encoded`: again in another transfer syntax; `patient_differs`: "
    "not the order's patient; what is wrong with the object itself: `bad_value:KEYWORD`, `unreadable`, "
    "`leading_zero_uid`, `no_series_uid`, `character_set`, `encoding_mismatch`, `trailing_padding`, "
    "`no_sequence_delimiter`, `pixel_description`, `pixel_data_length`"
)

_PATIENT: Properties = {
    "id": (_TEXT_OR_NULL, "as the order says, without one as the images say"),
    "issuer": (_TEXT_OR_NULL, "who gave the id"),
}
_ANIMAL: Properties = {
    "species": (_TEXT_OR_NULL, "of an animal, in words"),
    "breed": (_TEXT_OR_NULL, "of an animal, in words"),
    "neutered": (nullable(BOOLEAN), "of an animal"),
    "responsible_person": (_TEXT_OR_NULL, "a DICOM person name"),
    "responsible_organization": (_TEXT_OR_NULL, "in words"),
}
_SERIES: Properties = {
    "instance_uid": (text(64), "Series Instance UID"),
    "number": (_NUMBER_OR_NULL, "series number"),
    "modality": (_TEXT_OR_NULL, "as in the objects"),
    "description": (_TEXT_OR_NULL, "as in the objects"),
    "received": (INTEGER, "how many of its instances are here"),
}
_SUMMARY: Properties = {
    "instance_uid": (text(64), "Study Instance UID"),
    "order_id": (_TEXT_OR_NULL, "the order that it belongs to; null: none is known, it waits to be matched"),
    "requested_procedure_id": (_TEXT_OR_NULL, "the procedure of the order that it belongs to"),
    "link_reason": (nullable(text(choices=LinkReason)), "by what it was linked to its order, or why it waits"),
    "patient": (ref("StudyPatient"), "whose it is"),
    "accession_number": (_TEXT_OR_NULL, "as in the order, without one as in the images"),
    "modality": (_TEXT_OR_NULL, "of the first image"),
    "started_at": (_INSTANT_OR_NULL, "when its first image or report came"),
    "last_received_at": (_INSTANT_OR_NULL, "when its last image came"),
    "reported_at": (_INSTANT_OR_NULL, "when the event study.received was queued; null: not yet"),
    "evidence": (_EVIDENCE, "why it counts as complete; null: it does not yet"),
    "received": (INTEGER, "how many of its images are here; of a study of an order: those that belong to the order"),
    "waiting": (INTEGER, "how many of its images do not belong to its order and wait to be matched"),
}
_INSTANCE: Properties = {
    "sop_instance_uid": (text(64), "as in the object"),
    "sop_class_uid": (text(64), "as in the object"),
    "modality": (_TEXT_OR_NULL, "as in the object"),
    "number": (_NUMBER_OR_NULL, "instance number"),
    "rows": (_NUMBER_OR_NULL, "height in pixels"),
    "columns": (_NUMBER_OR_NULL, "width in pixels"),
    "frames": (_NUMBER_OR_NULL, "number of frames, where the object says one"),
    "view": (_TEXT_OR_NULL, "view position, or the meaning of the view code and its modifiers"),
    "region": (_TEXT_OR_NULL, "the meaning of the anatomic region and its modifiers, or the body part examined"),
    "laterality": (_TEXT_OR_NULL, "L, R and so on"),
    "teeth": (_TEXTS, "FDI numbers"),
    "supernumerary_teeth": (_TEXTS, "for each the FDI number of the tooth that it stands beside"),
    "teeth_universal": (
        _TEXTS,
        "Universal numbers and letters of `teeth`, then of `supernumerary_teeth` (51-82, AS-TS)",
    ),
    "from_text": (
        {"type": "array", "items": text(choices=("laterality", "region", "teeth", "view"))},
        "which of these no code says: they were read from the device's descriptions and comments",
    ),
    "acquired_at": (_TEXT_OR_NULL, "local time of the device, ISO 8601 without a zone"),
    "thumbnail": (ref("Link"), "a small picture, not for diagnosis"),
    "file": (ref("Link"), "the object as received"),
    "received_at": (INSTANT, "when it came"),
    "calling_ae_title": (_TEXT, "the device that sent it"),
    "step_id": (_TEXT_OR_NULL, "the scheduled step that it belongs to, where one is known"),
    "flags": (_TEXTS, _FLAGS),
    "versions": (list_of("Version"), "the same instance as it came at other times, with other bytes; this one too"),
}
_INNER: Schema = {"anyOf": [ref("DicomAttribute"), BOOLEAN]}  # an attribute; or that an item is cut short
_VALUE: Schema = {"anyOf": [text(), {"type": "number"}, {"type": "object", "additionalProperties": _INNER}]}
_METADATA: Properties = {
    "sop_instance_uid": (text(64), "as in the object"),
    "complete": (BOOLEAN, "false: it cannot be read to its end, or has too many attributes to be shown"),
    "attributes": (
        {"type": "object", "additionalProperties": ref("DicomAttribute")},
        "by keyword, or eight digits of its tag; with the file meta information, without pixel data",
    ),
}
_DICOM_ATTRIBUTE: Schema = {
    "type": "object",
    "description": "An attribute of an object; without a value when it is empty.",
    "required": ["vr"],
    "properties": {
        "vr": {**text(), "description": "value representation (PS3.5 6.2)"},
        "Value": {"type": "array", "items": _VALUE, "description": "numbers, texts, or the items of a sequence"},
        "InlineBinary": {**text(), "description": "a short binary value, base64"},
        "bytes": {**INTEGER, "description": "how long a value is that is not shown"},
        "truncated": {**BOOLEAN, "description": "there are more items"},
    },
}
_VERSION: Properties = {
    "version": (INTEGER, "1 is what came first"),
    "current": (BOOLEAN, "the one that counts"),
    "received_at": (INSTANT, "when it came"),
    "transfer_syntax_uid": (text(64), "in which it was received and is kept"),
    "sha256": (text(64), "of the data set, hexadecimal"),
    "length": (INTEGER, "of the data set, bytes"),
    "flags": (_TEXTS, "as of the instance"),
}
_DELIVERY: Properties = {
    "target": (_TEXT, "the name of the PMS"),
    "status": (text(choices=DeliveryStatus), "parked: given up until it is asked for again"),
    "attempts": (INTEGER, "how often it was tried"),
    "detail": (_TEXT_OR_NULL, "how the last try ended; or `waits for EVENT`, which must be delivered or parked first"),
    "created_at": (INSTANT, "when it was queued"),
    "due_at": (_INSTANT_OR_NULL, "when it is tried next; null: not again"),
    "first_try_at": (_INSTANT_OR_NULL, "when it was first tried"),
    "finished_at": (_INSTANT_OR_NULL, "when it was delivered or parked"),
}
_EVENT: Properties = {
    "event_id": (_TEXT, "the envelope's `id`"),
    "type": (text(choices=EventType), "what happened"),
    "order_id": (_TEXT_OR_NULL, "the order that it is about"),
    "study_instance_uid": (_TEXT_OR_NULL, "the study that it is about"),
}
_ENVELOPE: Properties = {
    "id": (_TEXT, "of the event"),
    "type": (text(choices=EventType), "what happened"),
    "occurred_at": (INSTANT, "when it happened"),
    "source": (_TEXT_OR_NULL, "of the order"),
    "order": (nullable(ref("EnvelopeOrder")), "the order that it is about"),
    "patient": (nullable(ref("EnvelopePatient")), "whose it is"),
    "study": (nullable(ref("EnvelopeStudy")), "the study that it is about"),
    "series": (list_of("EnvelopeSeries"), "of the study"),
    "instances": ({"type": "array", "items": {"type": "object"}}, "empty here; filled when it is sent"),
    "instances_truncated": (BOOLEAN, "it has more instances than are sent"),
    "evidence": (_EVIDENCE, "why the study counts as complete"),
    "late": (BOOLEAN, "these images came after study.received"),
    "merge": (nullable(ref("EnvelopeMerge")), "which id of a patient stands for which now, or no longer"),
}
_ENVELOPE_ORDER: Properties = {
    "id": (_TEXT, "the gateway's"),
    "placer_order_number": (_TEXT, "the PMS's"),
    "accession_number": (_TEXT, "the PMS's, if it was too long for DICOM"),
    "status": (text(choices=OrderStatus), "when it happened"),
}
_EXPECTED: Properties = {
    "expected": (_NUMBER_OR_NULL, "how many images the order, or a template of its procedure, expects"),
    "expected_from": (_TEXT_OR_NULL, "order or template"),
    "counted": (_NUMBER_OR_NULL, "how many images of the procedure count, in all its studies; null: of no order"),
    "shortfall": (_TEXT_OR_NULL, "in words what is missing of the expected number"),
}
_ENVELOPE_STUDY: Properties = {
    "instance_uid": (text(64), "Study Instance UID"),
    "modality": (_TEXT_OR_NULL, "of the first image"),
    "started_at": (_INSTANT_OR_NULL, "when its first image or report came"),
    "received": (INTEGER, "how many objects of this study are here"),
    **_EXPECTED,
    "counted": (INTEGER, "how many images of the procedure count, in all its studies"),
    "missing": (_TEXTS, "SOP Instance UIDs that a device's report names and that are not here"),
}
_ALARM: Properties = {
    "id": (INTEGER, "by which it is cleared"),
    "kind": (_TEXT, "what is the matter, in words"),
    "subject": (_TEXT, "what it is about: an event, a study, a device, a file"),
    "detail": (_TEXT_OR_NULL, "more, in words"),
    "count": (INTEGER, "how often it was raised since it was last cleared"),
    "raised_at": (INSTANT, "when it was last raised"),
}
_LINK: Properties = {"media_type": (_TEXT, "of what is there"), "href": (_TEXT, "its address; it needs a token")}
_NAME: Properties = {"name": (_TEXT_OR_NULL, "a DICOM person name")}
_RETRIED: Properties = {"retried": (INTEGER, "how many deliveries were made due")}
_SHOWN: Properties = {
    **_EVENT,
    "occurred_at": (INSTANT, "when it happened"),
    "envelope": (ref("Envelope"), "the event as it is sent, without its instances"),
    "deliveries": (list_of("DeliveryState"), "how each target stands"),
}
_COMPONENTS: Schema = {"type": "object", "additionalProperties": text(choices=("ok", "failed"))}

_RECORDS: dict[str, tuple[str, Properties]] = {
    "StudySummary": ("A received study.", _SUMMARY),
    "Study": (
        "A received study with what came.",
        _SUMMARY
        | _EXPECTED
        | {"patient": (ref("ImagedPatient"), "whose it is"), "series": (list_of("Series"), "by number")},
    ),
    "Metadata": ("All that an object says.", _METADATA),
    "StudyPatient": ("Whose images they are.", _PATIENT | _NAME),
    "ImagedPatient": (
        "Whose images they are; of an animal as the order says, else the images.",
        _PATIENT | _NAME | _ANIMAL,
    ),
    "Series": ("A series of a study.", _SERIES | {"instances": (list_of("Instance"), "by number")}),
    "Instance": ("A received object; of several versions the current one.", _INSTANCE),
    "Version": ("The bytes of an instance as they came once.", _VERSION),
    "Link": ("Where something is.", _LINK),
    "Delivery": ("An event on its way to one target.", _EVENT | _DELIVERY),
    "DeliveryState": ("How one target stands with an event.", _DELIVERY),
    "Event": ("An event with its deliveries.", _SHOWN),
    "RetriedEvent": ("An event that is delivered again.", _RETRIED | _SHOWN),
    "Envelope": ("What a PMS is sent.", _ENVELOPE),
    "EnvelopeOrder": ("The order of an event.", _ENVELOPE_ORDER),
    "EnvelopePatient": ("The patient of an event.", _PATIENT | _ANIMAL),
    "EnvelopeStudy": ("The study of an event.", _ENVELOPE_STUDY),
    "EnvelopeSeries": ("A series of an event.", _SERIES),
    "Alarm": ("Something that a person should look at.", _ALARM),
    "Alive": ("The program is alive.", {"status": (text(choices=("alive",)), "always this")}),
    "Ready": (
        "Whether the program can do its work.",
        {
            "status": (text(choices=("ready", "not ready")), "ready when every component is ok"),
            "components": (_COMPONENTS, "each with ok or failed; the log has the reason"),
        },
    ),
}
_PAGES = ("Order", "StudySummary", "Delivery", "Device", "UnknownDevice", "MessageSummary", "Merge", "Alarm")
_OUTCOME: Schema = {
    "type": "object",
    "description": "What became of one order of a batch: `order`, or `problem`.",
    "required": ["status"],
    "properties": {
        "status": {**INTEGER, "description": "as if it had been sent alone: 201, 200, or that of the problem"},
        "order": {**ref("Order"), "description": "the order as it is now"},
        "problem": {**ref("Problem"), "description": "why it was not taken"},
    },
}


def answer_schemas() -> dict[str, Schema]:
    """Return the schemas of orders, sent and answered, and of every other answer, by name."""
    records = _RECORDS | OBSERVATIONS | MESSAGES | MERGES
    return {
        **order_schemas(),
        **device_schemas(),
        "Outcome": _OUTCOME,
        "DicomAttribute": _DICOM_ATTRIBUTE,
        "Outcomes": record("What became of a batch.", {"results": (list_of("Outcome"), "in the order of the batch")}),
        **{name: record(words, properties) for name, (words, properties) in records.items()},
        **{f"{name}Page": page_of(name, "A page of a list.") for name in _PAGES},
    }
