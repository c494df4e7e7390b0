"""Why a report of a performed step is refused, with the status that the device is told (PS3.4 F.7.2)."""

from dicom_gateway.errors import Conflict, GatewayError


class MissingAttribute(GatewayError):
    """A required attribute is absent."""

    n_status: int = 0x0120

    def __init__(self, keyword: str) -> None:
        super().__init__(f"{keyword} is required")
        self.keyword = keyword


class MissingAttributeValue(MissingAttribute):
    """A required attribute has no value."""

    n_status: int = 0x0121


class DuplicateInstance(GatewayError):
    """A performed step of that SOP Instance UID exists."""

    n_status: int = 0x0111


class NoLongerUpdatable(Conflict):
    """Performed Procedure Step Object may no longer be updated"""

    n_status: int = 0x0110
    error_id: int = 0xA710
