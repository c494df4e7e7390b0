"""A message that is kept, as the API and the command line show it."""

import codecs
from collections.abc import Mapping
from typing import Any

from dicom_gateway.core.local_time import iso_utc

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def message_summary(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message without its contents."""
    return {
        "id": row["key"],
        "direction": row["direction"],
        "peer": row["peer"] or None,
        "origin": row["origin"] or None,
        "type": row["type"] or None,
        "control_id": row["control_id"] or None,
        "at": iso_utc(row["at"]),
        "finished_at": iso_utc(row["finished_at"]) if row["finished_at"] else None,
        "outcome": row["outcome"] or None,
        "detail": row["detail"] or None,
        "repeats": row["repeats"],
    }


def message_document(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message with its contents and its answer as text."""
    return {
        **message_summary(row),
        "order_ids": list(row["order_ids"]),
        "text": readable(row["raw"]),
        "answer": readable(row["answer"]) or None,
    }


def readable(data: bytes) -> str:
    """Return bytes as text: by their byte order mark, else as UTF-8, else as Windows-1252; never fails."""
    for mark, codec in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(codec, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")
