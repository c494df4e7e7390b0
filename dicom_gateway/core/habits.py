"""What a device does, learnt from its requests: the keys that it asks, its character set, services and quirks.

A habit is a kind and a name; how often and when it was seen stands beside it. query_habits.py reads those of a query.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from dicom_gateway.core.identifiers import printable
from dicom_gateway.core.local_time import iso_utc

LONGEST_NAME: Final = 200
OF_A_PERSON: Final = frozenset(  # keys of which a query with a value looks for somebody
    {
        "PatientID",
        "PatientName",
        "PatientBirthDate",
        "AccessionNumber",
        "RequestedProcedureID",
        "ScheduledProcedureStepID",
        "StudyInstanceUID",
        "PlacerOrderNumberImagingServiceRequest",
        "FillerOrderNumberImagingServiceRequest",
        "AdmissionID",
    }
)


class Habit(StrEnum):
    """A kind of habit, and in words what its names are."""

    SERVICE = "service"  # one of ServiceUsed
    IMPLEMENTATION = "implementation"  # version name and class UID
    PROPOSES = "proposes"  # SOP class UID
    TRANSFER_SYNTAX = "transfer syntax"  # UID, as proposed
    RETURN_KEY = "return key"  # asked without a value
    MATCHING_KEY = "matching key"  # asked with one
    CHARACTER_SET = "character set"  # as queries name it
    QUIRK = "quirk"  # in words
    STORES = "stores"  # SOP class UID


class ServiceUsed(StrEnum):
    """What a device used: the names of Habit.SERVICE."""

    ASSOCIATION = "association"
    VERIFICATION = "verification"
    WORKLIST = "worklist"
    MPPS = "mpps"
    STORAGE = "storage"


Fact = tuple[Habit, str]


@dataclass(frozen=True, slots=True)
class Seen:
    """A habit, and when it was seen; the times are exact to a minute."""

    kind: Habit
    name: str
    first_at: int
    last_at: int
    times: int


@dataclass(frozen=True, slots=True)
class QueryFacts:
    """What a query shows of its device, and its shape."""

    shape: str
    facts: tuple[Fact, ...]


def implementation(version_name: str, class_uid: str) -> Fact:
    """Return how an implementation names itself (PS3.7 D.3.3.2)."""
    return Habit.IMPLEMENTATION, printable(f"{version_name or 'unnamed'} ({class_uid})", LONGEST_NAME)


_UIDS: Final = frozenset({Habit.PROPOSES, Habit.TRANSFER_SYNTAX, Habit.STORES})


def in_words(seen: Seen) -> str:
    """Return the name of a habit for a person: a UID with its name."""
    if seen.kind not in _UIDS:
        return seen.name
    from pydicom.uid import UID  # here, not above: whoever only keeps habits need not load pydicom

    known = UID(seen.name).name
    return seen.name if known == seen.name else f"{known} ({seen.name})"


def habits_document(ae_title: str, habits: tuple[Seen, ...], queries: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the habits of a device as the API shows them."""
    return {
        "ae_title": ae_title,
        "first_seen_at": iso_utc(min(seen.first_at for seen in habits)) if habits else None,
        "last_seen_at": iso_utc(max(seen.last_at for seen in habits)) if habits else None,
        "sends_mpps": any((seen.kind, seen.name) == (Habit.SERVICE, ServiceUsed.MPPS) for seen in habits),
        "habits": [
            {
                "kind": seen.kind.value,
                "name": in_words(seen),
                "first_at": iso_utc(seen.first_at),
                "last_at": iso_utc(seen.last_at),
                "times": seen.times,
            }
            for seen in habits
        ],
        "queries": queries,
    }


def habits_lines(habits: tuple[Seen, ...]) -> list[tuple[str, str, int]]:
    """Return the habits for a table: kind, name in words, when it was last seen (an instant)."""
    return [(seen.kind.value, in_words(seen), seen.last_at) for seen in habits]
