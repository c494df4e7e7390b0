"""From an error to the status that the peer gets (PS3.7 annex C, PS3.4 B, F, K).

The comment is for the peer's log: the default repertoire only, at most 64 characters, no patient data.
"""

import structlog
from pydicom import Dataset
from pydicom.tag import BaseTag, Tag

from dicom_gateway.core.performed_refusals import MissingAttribute, NoLongerUpdatable
from dicom_gateway.errors import GatewayError, InvalidValue, RefusedObject, Unavailable

SUCCESS = 0x0000
PENDING = 0xFF00
PENDING_WARNING = 0xFF01
CANCEL = 0xFE00
OUT_OF_RESOURCES = 0xA700
DATA_SET_MISMATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000
PROCESSING_FAILURE = 0x0110
INVALID_SOP_INSTANCE = 0x0117
NO_SUCH_SOP_CLASS = 0x0118
SOP_CLASS_NOT_SUPPORTED = 0x0122
NOT_AUTHORISED = 0x0124
UNRECOGNIZED_OPERATION = 0x0211
REQUESTED_ATTRIBUTES_NOT_SUPPORTED = 0x0001
COMMENT_LENGTH = 64

log = structlog.get_logger()


def status(code: int, comment: str = "") -> Dataset:
    """Return a status data set."""
    data_set = Dataset()
    data_set.Status = code
    if comment:
        data_set.ErrorComment = comment.encode("ascii", "replace").decode()[:COMMENT_LENGTH].strip()
    return data_set


def of_store_or_find(error: Exception, reference: str) -> Dataset:
    """Return the status of a failed C-STORE or C-FIND."""
    if isinstance(error, RefusedObject):
        return status(error.c_status, str(error))
    return _of(error, getattr(error, "c_status", PROCESSING_FAILURE), reference)


def of_normalized(error: Exception, reference: str) -> Dataset:
    """Return the status of a failed N-CREATE, N-SET or N-GET."""
    answer = _of(error, getattr(error, "n_status", PROCESSING_FAILURE), reference)
    if isinstance(error, NoLongerUpdatable):
        answer.ErrorID = error.error_id
    if isinstance(error, MissingAttribute):
        answer.AttributeIdentifierList = [_tag(error.keyword)]
    if isinstance(error, InvalidValue) and error.field:
        answer.AttributeIdentifierList = [_tag(error.field)]
    return answer


def _of(error: Exception, code: int, reference: str) -> Dataset:
    if isinstance(error, Unavailable):  # its text is about the database or the disk
        log.warning("request put off", reference=reference, status=f"{code:04X}", error=str(error))
        return status(code, str(error))
    if isinstance(error, GatewayError):
        log.info("request refused", reference=reference, status=f"{code:04X}", error=type(error).__name__)
        return status(code, str(error))
    log.error("request failed", reference=reference, exc_info=error)
    return status(PROCESSING_FAILURE, f"internal error, reference {reference}")


def _tag(keyword: str) -> BaseTag:
    return Tag(keyword)
