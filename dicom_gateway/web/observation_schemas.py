"""What the API answers about what devices did, key by key; a part of answer_schemas.py."""

from dicom_gateway.core.explain import Why
from dicom_gateway.core.habits import Habit
from dicom_gateway.core.status import StepStatus
from dicom_gateway.web.json_schema import BOOLEAN, INSTANT, INTEGER, Properties, list_of, nullable, ref, text

_TEXT, _TEXT_OR_NULL = text(), nullable(text())
_LOCAL = {"type": "string", "examples": ["2026-11-23T10:15:00"]}
_SPAN: Properties = {
    "first_at": (INSTANT, "the first time"),
    "last_at": (INSTANT, "the last time, exact to a minute"),
}
_SERVED_TO: Properties = {"ae_title": (text(16), "the device that got it as an answer"), **_SPAN}
_VERDICT: Properties = {
    "why": (text(choices=Why), "the verdict in short"),
    "reason": (_TEXT, "the verdict in words, with the values that differ"),
    "action": (_TEXT_OR_NULL, "what to do about it"),
}
_ASKED: Properties = {
    "at": (INSTANT, "when it was asked last"),
    "address": (_TEXT, "from where"),
    "status": (text(4), "DIMSE status of the last response, hexadecimal"),
    "answers": (INTEGER, "how many steps it got"),
    "times": (INTEGER, "how often it was asked, but for its dates"),
}
_KEY: Properties = {
    "key": (_TEXT, "an attribute of the query that narrows it"),
    "matched": (BOOLEAN, "whether the step meets it"),
    "asked": (_TEXT_OR_NULL, "its value in the query"),
    "has": (_TEXT_OR_NULL, "the value of the step, or of its order"),
    "reason": (_TEXT_OR_NULL, "why the two do not meet"),
}
_STEP: Properties = {
    "step_id": (text(16), "of the order"),
    "status": (text(choices=StepStatus), "where the step stands"),
    "modality": (text(16), "of the step"),
    "start": (_LOCAL, "local in the practice's zone"),
    "on_worklist": (BOOLEAN, "the device gets it when it asks as it did last"),
    **_VERDICT,
    "served": (nullable(ref("Span")), "when it went to the device; null: it never did"),
    "queries": (list_of("ExplainedQuery"), "those that are kept of the device, the last one first"),
}
_HABITS: Properties = {
    "ae_title": (_TEXT, "of the device"),
    "first_seen_at": (nullable(INSTANT), "the first time that it was seen"),
    "last_seen_at": (nullable(INSTANT), "the last time, exact to a minute"),
    "sends_mpps": (BOOLEAN, "it reported by MPPS at least once"),
    "habits": (list_of("Habit"), "by kind and name"),
    "queries": (list_of("AskedQuery"), "the last of each kind, without the dates, the last one first"),
}
_HABIT: Properties = {
    "kind": (text(choices=Habit), "what it is"),
    "name": (_TEXT, "which one"),
    **_SPAN,
    "times": (INTEGER, "how often, about"),
}

OBSERVATIONS: dict[str, tuple[str, Properties]] = {
    "ServedTo": ("A device whose worklist a step was on.", _SERVED_TO),
    "Span": ("From when to when.", _SPAN),
    "Explanation": (
        "Whether the steps of an order are on the worklist of a device, and why.",
        {
            "order_id": (_TEXT, "the gateway's"),
            "ae_title": (text(16), "of the device"),
            "steps": (list_of("ExplainedStep"), "in the order of their procedures"),
        },
    ),
    "ExplainedStep": ("A step and a device.", _STEP),
    "ExplainedQuery": (
        "A query of a device, compared with a step.",
        {**_ASKED, **_VERDICT, "keys": (list_of("ExplainedKey"), "that narrow it")},
    ),
    "ExplainedKey": ("A key of a query, compared with a step.", _KEY),
    "Habits": ("What a device was seen to do.", _HABITS),
    "Habit": ("Something that a device does.", _HABIT),
    "AskedQuery": (
        "A query as a device sent it last.",
        {**_ASKED, "transfer_syntax_uid": (text(64), "of its identifier")},
    ),
}
