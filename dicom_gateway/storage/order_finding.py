"""Orders as people look for them, over all days: by the begin of a number, of a family name or of a given name.

Each way is one range of an index, so that a search costs what it finds. Names are compared folded (core/folding.py).
"""

import sys
from collections.abc import Sequence
from typing import Any, Final

from peewee import SQL

from dicom_gateway.core.folding import fold
from dicom_gateway.core.model import Order
from dicom_gateway.storage.codec import load_order
from dicom_gateway.storage.database import Database
from dicom_gateway.storage.orders import OrderFilter, order_conditions, step_conditions
from dicom_gateway.storage.tables import OrderRow, StepRow
from dicom_gateway.storage.worklist import following

SHORTEST_NUMBER: Final = 2  # characters; the begin of one that is shorter is that of too many
_NUMBERS: Final = (
    OrderRow.patient_id,
    OrderRow.accession_number,
    OrderRow.original_accession_number,
    OrderRow.placer_order_number,
)
# As the index scheduled_step_given has it: an expression with parameters would not be found there.
_GIVEN: Final = SQL("substr(patient_name, instr(patient_name, '^') + 1)")
_LAST: Final = chr(sys.maxunicode)
_ORDERS_OF_A_PATIENT: Final = 10  # how many more orders than patients are read: one patient has several


class OrderSearch:
    """Finds orders, and the last orders of patients."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, text: str, wanted: OrderFilter) -> Sequence[Order]:
        """Return orders, newest first, of which a number or a name begins with `text`; all that are `wanted` for ""."""
        query = OrderRow.select(OrderRow.document).where(*order_conditions(wanted))
        if steps := step_conditions(wanted):
            query = query.where(OrderRow.id.in_(StepRow.select(StepRow.order_id).where(*steps)))
        if words := text.split():
            query = query.where(OrderRow.id.in_(found_by(words)))
        query = query.order_by(OrderRow.created_at.desc(), OrderRow.id.desc()).limit(wanted.limit)
        return [load_order(document) for document in self._database.read(lambda tx: tx.values(query))]

    def last_orders(self, text: str, limit: int = 10) -> list[Order]:
        """Return the last order of each patient whose number or name begins with `text`, the latest first; none for
        ""."""
        if not text.strip():
            return []
        found: dict[tuple[str, str], Order] = {}
        for order in self.find(text, OrderFilter(limit=limit * _ORDERS_OF_A_PATIENT)):
            found.setdefault((order.patient.issuer, order.patient.id), order)
        return list(found.values())[:limit]


def found_by(words: Sequence[str]) -> Any:
    """Return the query for the ids of orders that begin with what somebody typed."""
    text = " ".join(words)
    queries = [_by_name(*names) for names in _names(words)]
    if len(text) >= SHORTEST_NUMBER:
        queries += [OrderRow.select(OrderRow.id).where(_begins(column, text)) for column in _NUMBERS]
    found = queries[0]
    for query in queries[1:]:
        found = found.union_all(query)
    return found


def _names(words: Sequence[str]) -> list[tuple[str, str]]:
    """Return what may be (family name, given name) of the words: either order, a comma behind the family name."""
    folded = [fold(word.strip(",")) for word in words]
    whole = " ".join(folded)
    splits = ((" ".join(folded[:n]), " ".join(folded[n:])) for n in range(1, min(len(folded), 6)))
    return [(whole, ""), ("", whole), *(names for one, other in splits for names in ((one, other), (other, one)))]


def _by_name(family: str, given: str) -> Any:
    """Return the query for orders of a family name (whole when there is a given name) and the begin of a given one."""
    if not family:
        return StepRow.select(StepRow.order_id).where(_begins(_GIVEN, given))
    # Both values of `shown` are named, so that the index of names, which begins with it, finds them.
    name = f"{family}^{given}" if given else family
    return StepRow.select(StepRow.order_id).where(StepRow.shown.in_([0, 1]), _begins(StepRow.patient_name, name))


def _begins(column: Any, text: str) -> Any:
    text = text.rstrip(_LAST)
    if not text:
        return SQL("0")
    return (column >= text) & (column < following(text))
