"""The systems that send HL7, and which of them a message is from: by MSH-3 and MSH-4, or by the folder it came in."""

from collections.abc import Sequence
from dataclasses import dataclass

from dicom_gateway.connectors.hl7.errors import UNKNOWN_KEY, Hl7Error
from dicom_gateway.connectors.hl7.message import Header
from dicom_gateway.connectors.hl7.sender import Sender
from dicom_gateway.core.identifiers import printable


@dataclass(frozen=True, slots=True)
class Source:
    """A system that sends. "" for an application or a facility is any; `character_set` is that of messages that name
    none; one with `has_folder` does not send by MLLP."""

    name: str
    sending_application: str = ""
    sending_facility: str = ""
    character_set: str = ""
    has_folder: bool = False


class Sources:
    """The configured sources."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._by_name = {source.name: source for source in sources}
        # The one that says more goes first.
        self._remote = sorted(
            (source for source in sources if not source.has_folder),
            key=lambda one: (not one.sending_application, not one.sending_facility),
        )

    def of(self, header: Header, sender: Sender) -> Source:
        """Return whose message this is; raises Hl7Error (AR 204) when nobody's."""
        if sender.source in self._by_name:
            return self._by_name[sender.source]
        for source in self._remote:
            if _is_from(header, source):
                return source
        application, facility = (printable(x, 64) for x in (header.sending_application, header.sending_facility))
        raise Hl7Error(
            f'sender "{application}" (MSH-3), "{facility}" (MSH-4) is not known here: the gateway needs a '
            "[[hl7_source]] table for it",
            UNKNOWN_KEY,
            "MSH^1^3",
        )


def _is_from(header: Header, source: Source) -> bool:
    return source.sending_application in ("", header.sending_application) and source.sending_facility in (
        "",
        header.sending_facility,
    )
