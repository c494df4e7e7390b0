"""The line of deliveries to one target about one subject: one at a time, oldest first.

Those behind the first have no `due_at`: they get one when the first is delivered or parked, so what is due is found
without walking all that wait. Whatever `due_at` says, none goes while a pending one stands before it.
"""

from enum import StrEnum
from typing import Any

from peewee import fn

from dicom_gateway.storage.prepared import Statement, given, several
from dicom_gateway.storage.tables import DeliveryRow, TargetRow


class DeliveryStatus(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    PARKED = "parked"  # given up until a person asks for it again


_EARLIER = DeliveryRow.alias()
_PENDING = DeliveryRow.status == DeliveryStatus.PENDING.value


def _earlier() -> Any:
    """Return the query for the pending deliveries that stand before a delivery in its line."""
    return _EARLIER.select(_EARLIER.event_id).where(
        _EARLIER.target == DeliveryRow.target,
        _EARLIER.subject == DeliveryRow.subject,
        _EARLIER.status == DeliveryStatus.PENDING.value,
        _EARLIER.key < DeliveryRow.key,
    )


def waits_for() -> Any:
    """Return the query for the event whose delivery is the first before a delivery in its line."""
    return _earlier().order_by(_EARLIER.key).limit(1).alias("waits_for")


def _next_of_line() -> Any:
    """Return the query for the pending delivery that comes first in the line of the one with the given key."""
    line = DeliveryRow.alias()
    return (
        _EARLIER.select(fn.MIN(_EARLIER.key))
        .join(
            line,
            on=(line.target == _EARLIER.target) & (line.subject == _EARLIER.subject) & (line.key == given("key")),
        )
        .where(_EARLIER.status == DeliveryStatus.PENDING.value)
    )


# Free to be sent: pending, to a target that is not paused, held by nobody, nothing before it in its line.
_FREE = (
    _PENDING
    & (DeliveryRow.target == given("target"))
    & DeliveryRow.due_at.is_null(False)
    & (DeliveryRow.lease_until <= given("now"))
    & ~fn.EXISTS(
        TargetRow.select(TargetRow.name).where(TargetRow.name == DeliveryRow.target, TargetRow.paused_at.is_null(False))
    )
    & ~fn.EXISTS(_earlier())
)
OCCUPIED = Statement(
    DeliveryRow.select(DeliveryRow.target)
    .where(DeliveryRow.target.in_(several("targets")), DeliveryRow.subject == given("subject"), _PENDING)
    .distinct()
)
NEXT_DUE = Statement(DeliveryRow.select(DeliveryRow.due_at).where(_FREE).order_by(DeliveryRow.due_at).limit(1))
CLAIM = Statement(
    DeliveryRow.update(lease_owner=given("owner"), lease_until=given("lease_until"))
    .where(
        DeliveryRow.key.in_(
            DeliveryRow.select(DeliveryRow.key)
            .where(_FREE, DeliveryRow.due_at <= given("now"))
            .order_by(DeliveryRow.due_at, DeliveryRow.key)
            .limit(given("limit"))
        )
    )
    .returning(DeliveryRow)
)
CALL_NEXT = Statement(
    DeliveryRow.update(due_at=given("now")).where(DeliveryRow.key == _next_of_line(), DeliveryRow.due_at.is_null())
)
HOLD = Statement(
    DeliveryRow.update(due_at=None).where(
        _PENDING,
        DeliveryRow.target.in_(several("targets")),
        DeliveryRow.lease_until <= given("now"),
        DeliveryRow.due_at.is_null(False),
        fn.EXISTS(_earlier()),
    )
)
