"""What the API takes and answers about merges of patients, key by key, with examples; a part of answer_schemas.py."""

from typing import Any

from dicom_gateway.core.merge_document import changed_document, merge_document
from dicom_gateway.core.patients import Merge, MergeKind
from dicom_gateway.web.json_schema import INSTANT, INTEGER, Properties, Schema, nullable, text

_TEXT, _TEXT_OR_NULL = text(), nullable(text())
_TEXTS: Schema = {"type": "array", "items": _TEXT}
_IDS: Properties = {
    "old_id": (_TEXT, "the id that is no longer used"),
    "survivor_id": (_TEXT, "the id that stands for it"),
}
_KIND = text(choices=MergeKind)
_MERGE: Properties = {
    "id": (INTEGER, "by which it is undone"),
    "kind": (_KIND, "merge: two records were of one patient; change: a record got another id"),
    "issuer": (_TEXT_OR_NULL, "of both ids"),
    "source": (_TEXT_OR_NULL, "of both ids, where they have no issuer"),
    **_IDS,
    "who": (_TEXT, "said so"),
    "at": (INSTANT, "since when"),
    "undone_at": (nullable(INSTANT), "until when; null: it holds"),
}
MERGES: dict[str, tuple[str, Properties]] = {
    "Merge": ("An id of a patient that stands for another one.", _MERGE),
    "ChangedMerge": (
        "A merge, and what changed just now.",
        _MERGE
        | {
            "order_ids": (_TEXTS, "the orders whose patient changed"),
            "left": (_TEXTS, "of an undone one: the orders that have ended meanwhile and stay with the survivor"),
        },
    ),
    "EnvelopeMerge": ("The merge of an event.", {"id": (INTEGER, "of the merge"), "kind": (_KIND, "why"), **_IDS}),
}
MERGE_DOCUMENT: Schema = {
    "type": "object",
    "description": "Two ids of one patient.",
    "required": ["old_id", "survivor_id"],
    "additionalProperties": False,
    "properties": {
        "old_id": {**text(64), "minLength": 1, "description": "the id that is no longer used"},
        "survivor_id": {**text(64), "minLength": 1, "description": "the id that stands for it from now on"},
        "issuer": {**nullable(text(64)), "description": "of both ids"},
        "source": {
            **nullable(text(64)),
            "description": "of both ids, where they have no issuer; not needed while only one has orders of them",
        },
    },
}

EXAMPLE_MERGE_DOCUMENT: dict[str, Any] = {"old_id": "P-78", "survivor_id": "P-99", "issuer": "MYPMS"}
_MADE = Merge(3, MergeKind.MERGE, "MYPMS", "", "P-78", "P-99", "token frontdesk", 1_795_420_800_000_000)
EXAMPLE_MERGE: dict[str, Any] = merge_document(_MADE)
EXAMPLE_CHANGED_MERGE: dict[str, Any] = changed_document(_MADE, ["0123456789abcdef0123456789"], [])
EXAMPLE_UNDONE_MERGE: dict[str, Any] = EXAMPLE_CHANGED_MERGE | {"undone_at": "2026-11-23T09:10:00.000Z"}
