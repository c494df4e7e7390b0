"""What the API answers about messages, key by key, with an example; a part of answer_schemas.py."""

from typing import Any

from dicom_gateway.core.message_answer import message_document, message_summary
from dicom_gateway.storage.messages import Direction
from dicom_gateway.web.json_schema import INSTANT, INTEGER, Properties, nullable, text

_TEXT, _TEXT_OR_NULL = text(), nullable(text())
_SUMMARY: Properties = {
    "id": (INTEGER, "by which it is shown"),
    "direction": (text(choices=Direction), "in: it came; out: it went"),
    "peer": (_TEXT_OR_NULL, "the source that it came from, or the target that it went to; null: nobody that is known"),
    "origin": (_TEXT_OR_NULL, "the address, or the file, that it came from"),
    "type": (_TEXT_OR_NULL, "as in MSH-9, type and event"),
    "control_id": (_TEXT_OR_NULL, "MSH-10"),
    "at": (INSTANT, "when it came or went"),
    "finished_at": (nullable(INSTANT), "when its outcome was known"),
    "outcome": (
        _TEXT_OR_NULL,
        "AA accepted, AE error, AR rejected, as in its answer; `interrupted`: the gateway was ended while it was in "
        "work; null: it is in work",
    ),
    "detail": (_TEXT_OR_NULL, "why it was refused, or what was unusual"),
    "repeats": (INTEGER, "how often the same message came again, and got the same answer"),
}
MESSAGES: dict[str, tuple[str, Properties]] = {
    "MessageSummary": ("A message that came or went.", _SUMMARY),
    "Message": (
        "A message that came or went, with its contents.",
        _SUMMARY
        | {
            "order_ids": ({"type": "array", "items": _TEXT}, "the orders that it was about"),
            "text": (_TEXT, "as it was sent; each segment ends with a carriage return"),
            "answer": (_TEXT_OR_NULL, "the answer, or both answers, in the same way"),
        },
    ),
}

_ROW: dict[str, Any] = {
    "key": 12,
    "direction": "in",
    "peer": "mypms",
    "origin": "192.168.1.30",
    "type": "ORM^O01",
    "control_id": "4711",
    "at": 1_795_420_800_000_000,
    "finished_at": 1_795_420_800_012_000,
    "outcome": "AA",
    "detail": "",
    "repeats": 0,
    "order_ids": ["0123456789abcdef0123456789"],
    "raw": b"MSH|^~\\&|MYPMS|CLINIC|||20261123090000||ORM^O01|4711|P|2.5.1\rPID|1||P-78||Doe^Rex\r",
    "answer": b"MSH|^~\\&|||MYPMS|CLINIC|20261123090000||ACK^O01^ACK|9c1f|P|2.5.1\rMSA|AA|4711\r",
}
EXAMPLE_MESSAGE_SUMMARY = message_summary(_ROW)
EXAMPLE_MESSAGE = message_document(_ROW)
