"""Why an HL7 message is not taken, as its acknowledgement says it (HL7 v2.5.1 2.15.5, tables 0008 and 0357).

AE for what the sender can correct (1xx), for what contradicts what is stored (205), and for what may be taken later
(207, and only that: senders repeat what is answered so); AR for what cannot be taken at all.
"""

from collections.abc import Sequence
from typing import Final

from dicom_gateway.errors import GatewayError

AE: Final = "AE"
AR: Final = "AR"

SEGMENT_SEQUENCE: Final = "100"
REQUIRED: Final = "101"
DATA_TYPE: Final = "102"
NOT_IN_TABLE: Final = "103"
MESSAGE_TYPE: Final = "200"
EVENT_CODE: Final = "201"
VERSION: Final = "203"
UNKNOWN_KEY: Final = "204"
DUPLICATE_KEY: Final = "205"
INTERNAL: Final = "207"

# HL7 table 0357
MEANINGS: Final = {
    "0": "Message accepted",
    SEGMENT_SEQUENCE: "Segment sequence error",
    REQUIRED: "Required field missing",
    DATA_TYPE: "Data type error",
    NOT_IN_TABLE: "Table value not found",
    MESSAGE_TYPE: "Unsupported message type",
    EVENT_CODE: "Unsupported event code",
    "202": "Unsupported processing id",
    VERSION: "Unsupported version id",
    UNKNOWN_KEY: "Unknown key identifier",
    DUPLICATE_KEY: "Duplicate key identifier",
    "206": "Application record locked",
    INTERNAL: "Application internal error",
}


class Hl7Error(GatewayError):
    """A message is not taken, and nothing of it was. `ack` is AE or AR, `code` of table 0357, `location` the place as
    SEGMENT^number^field[^repetition[^component]] (numbers from 1), the message what a vendor can do about it.

    `more` are further faults of the same message.
    """

    exit_code = 2
    http_status = 422

    def __init__(
        self, message: str, code: str, location: str = "", ack: str = "", more: Sequence["Hl7Error"] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.location = location
        self.ack = ack or (AE if code.startswith("1") or code == INTERNAL else AR)
        self.more = tuple(more)

    @property
    def faults(self) -> tuple["Hl7Error", ...]:
        """This fault and all further ones."""
        return (self, *self.more)
