"""What a peer's codes mean, in words for a technician: rejections and aborts (PS3.8 tables 9-21, 9-26), presentation
context results (PS3.8 table 9-18), statuses (PS3.7 annex C and the tables of each service)."""

from typing import Any

from pydicom import Dataset

from dicom_gateway.core.identifiers import printable

_SOURCES = {1: "its application", 2: "its association service", 3: "its network service"}
# (source, reason) -> words
_REJECTIONS = {
    (1, 1): "no reason given",
    (1, 2): "the application context is not supported",
    (1, 3): "calling AE title not recognised: it does not know us (-aet), or not from this address",
    (1, 7): "called AE title not recognised: it has another name (-aec)",
    (2, 1): "no reason given",
    (2, 2): "the protocol version is not supported",
    (3, 1): "it is too busy just now",
    (3, 2): "it has no room for another association",
}
_RESULTS = {1: "permanent", 2: "transient: it may work later"}
_ABORT_SOURCES = {0: "by its application", 2: "by its DICOM software"}
_ABORT_REASONS = {
    0: "no reason given",
    1: "unrecognised PDU",
    2: "unexpected PDU",
    4: "unrecognised PDU parameter",
    5: "unexpected PDU parameter",
    6: "invalid PDU parameter value",
}
CONTEXT_RESULTS = {
    1: "refused by its application",
    2: "refused without a reason",
    3: "this service or kind of object is not supported",
    4: "none of the offered transfer syntaxes is supported",
}


def rejection_reason(answer: Any) -> str:
    """Return who rejected an association and why, of pynetdicom's A-ASSOCIATE primitive."""
    source, reason = int(answer.result_source), int(answer.diagnostic)
    why = _REJECTIONS.get((source, reason), f"reason {reason}")
    return f"{why} ({_SOURCES.get(source, f'source {source}')}, {_RESULTS.get(int(answer.result), 'rejected')})"


def abort_reason(source: int, reason: int) -> str:
    """Return who aborted an association and why."""
    who = _ABORT_SOURCES.get(source, f"source {source}")
    return who if source == 0 else f"{who}: {_ABORT_REASONS.get(reason, f'reason {reason}')}"


def status_in_words(status: Dataset, statuses: dict[int, tuple[str, str]]) -> str:
    """Return a status with its category, its meaning in its service, and the peer's own comment."""
    code = int(status.Status)
    category, meaning = statuses.get(code, ("unknown status", ""))
    words = f"0x{code:04X} {category}" + (f": {meaning}" if meaning else "")
    comment = str(status.get("ErrorComment", "") or "")
    return f"{words} ({printable(comment)})" if comment else words
