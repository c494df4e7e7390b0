"""An event and its deliveries as they are shown to people and programs; microseconds become ISO 8601 text in UTC."""

from typing import Any

from dicom_gateway.core.local_time import iso_utc

Shown = dict[str, Any]


def event_document(row: Shown) -> Shown:
    """Return an event with its deliveries, of the row that Outbox.event gives. The envelope stands there as it is sent,
    without its instances."""
    return {
        "event_id": row["id"],
        "type": row["type"],
        "occurred_at": _instant(row["occurred_at"]),
        "order_id": row["order_id"] or None,
        "study_instance_uid": row["study_instance_uid"] or None,
        "envelope": row["envelope"],
        "deliveries": [delivery_document(delivery) for delivery in row["deliveries"]],
    }


def delivery_document(row: Shown) -> Shown:
    """Return how an event stands with one target; `due_at` only while it waits."""
    return {
        "target": row["target"],
        "status": row["status"],
        "attempts": row["attempts"],
        "detail": row["detail"] or None,
        "created_at": _instant(row["created_at"]),
        "due_at": _instant(row["due_at"]) if row["status"] == "pending" else None,
        "first_try_at": _instant(row["first_try_at"]),
        "finished_at": _instant(row["finished_at"]),
    }


def _instant(value: int | None) -> str | None:
    return iso_utc(value) if value else None
