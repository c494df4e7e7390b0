"""Who is at the other end of an association, and a reference for what is logged about it."""

from dataclasses import dataclass
from typing import Any

from dicom_gateway.core.identifiers import printable
from dicom_gateway.storage.audit import Actor


@dataclass(frozen=True, slots=True)
class Peer:
    """The requestor of an association."""

    ae_title: str
    address: str
    called_ae_title: str
    reference: str

    @property
    def actor(self) -> Actor:
        """Return the peer as the audit names it."""
        return Actor(f"device {self.ae_title}", self.address)


def peer_of(association: Any) -> Peer:
    """Return the peer of a pynetdicom association."""
    request = association.requestor.primitive
    return Peer(
        ae_title=printable(str(request.calling_ae_title).strip(), 16),
        address=str(association.requestor.address_info.address),
        called_ae_title=printable(str(request.called_ae_title).strip(), 16),
        reference=f"{id(association) & 0xFFFFFF:06x}",
    )
