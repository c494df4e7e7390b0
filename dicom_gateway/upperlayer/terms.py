"""What an association gets by its calling AE title: its limits, and the abstract syntaxes that are refused to it.

PS3.8 9.3.3.2: a presentation context whose service the peer may not use has the result 1, user rejection; pynetdicom's
negotiation knows only what is supported for all.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

from pynetdicom.acse import ACSE

from dicom_gateway.upperlayer.limits import Limits

USER_REJECTION = 0x01


@dataclass(frozen=True, slots=True)
class Terms:
    """What one association gets. `is_stock`: it is pynetdicom's own."""

    limits: Limits
    refused: Collection[str] = frozenset()
    is_stock: bool = False


class Attempt(NamedTuple):
    """What the association request of a peer asked for."""

    abstract_syntaxes: tuple[str, ...]
    tls: bool


class RefusingControl(ACSE):
    """Negotiates as pynetdicom does, and then refuses what `refused` names."""

    refused: Collection[str] = frozenset()

    def send_accept(self) -> None:
        """Send an A-ASSOCIATE-AC."""
        association: Any = self.assoc
        for context_id, context in list(association._accepted_cx.items()):
            if str(context.abstract_syntax) in self.refused:
                context.result = USER_REJECTION
                association._rejected_cx.append(association._accepted_cx.pop(context_id))
        super().send_accept()


def hold_to(association: Any, terms: Terms) -> None:
    """Let an association of pynetdicom, not negotiated yet, refuse what its terms refuse."""
    association.acse.__class__ = RefusingControl  # pynetdicom makes it itself; same fields
    association.acse.refused = terms.refused


def attempt_of(association: Any) -> Attempt:
    """Return what an association that was requested asked for."""
    proposed = association.requestor.primitive.presentation_context_definition_list or ()
    return Attempt(tuple(str(context.abstract_syntax) for context in proposed), association._server.is_secure)
