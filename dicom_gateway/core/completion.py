"""Is this study complete: what the devices reported, what has arrived, and how long it has been quiet.

Evidence, strongest first: MPPS final and every image that it names is here; MPPS final and quiet; the expected
number of images and quiet; quiet alone. The release of an association proves nothing. An open performed step keeps a
study open; a number that the order names does too, one that a template advises does not. Pure: `now` and all deadlines
are instants of our clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.status import PerformedStatus


class Evidence(StrEnum):
    """Why a study counts as complete."""

    MPPS_IMAGES = "mpps+images"
    MPPS_QUIET = "mpps+quiet"
    COUNT_QUIET = "count+quiet"
    QUIET = "quiet"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds."""

    quiet_seconds: int
    incomplete_after_seconds: int


@dataclass(frozen=True, slots=True)
class Reported:
    """A performed step of the study: its status, when it last changed, the instances that it names, who reported."""

    status: PerformedStatus
    changed_at: int
    image_uids: frozenset[str] = frozenset()
    calling_ae_title: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known of a study: the instances here, when the last came, and how many the order expects.

    A procedure may have several studies: `also_here` are instances of the others that a performed step names, and
    `received` counts the images of all (None: those of this study). `is_advice`: a template expects, not the order.
    """

    received_uids: frozenset[str]
    last_received_at: int
    reported: Sequence[Reported] = ()
    expected: int | None = None
    also_here: frozenset[str] = frozenset()
    received: int | None = None
    is_advice: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """`evidence` when complete; else `look_again_at` (None: nothing but news can change it). `incomplete`: it has been
    quiet for long and images are missing; with evidence: fewer than a template advises."""

    evidence: Evidence | None = None
    look_again_at: int | None = None
    incomplete: bool = False


def missing(progress: Progress) -> frozenset[str]:
    """Return the SOP Instance UIDs that performed steps name and that are not here."""
    named = frozenset[str]().union(*(reported.image_uids for reported in progress.reported))
    return named - progress.received_uids - progress.also_here


def judge(progress: Progress, patience: Patience, now: int) -> Verdict:
    """Return the verdict on a study at `now`."""
    if any(reported.status is PerformedStatus.IN_PROGRESS for reported in progress.reported):
        return Verdict()
    last_news = max([progress.last_received_at, *(reported.changed_at for reported in progress.reported)])
    quiet_at = last_news + patience.quiet_seconds * SECOND
    overdue_at = last_news + max(patience.incomplete_after_seconds, patience.quiet_seconds) * SECOND
    if progress.reported:
        if progress.received_uids and _all_named(progress):
            return Verdict(Evidence.MPPS_IMAGES)
        enough, evidence = bool(progress.received_uids), Evidence.MPPS_QUIET
    elif progress.expected:
        received = len(progress.received_uids) if progress.received is None else progress.received
        enough, evidence = received >= progress.expected, Evidence.COUNT_QUIET
    else:
        enough, evidence = bool(progress.received_uids), Evidence.QUIET
    if enough:
        return Verdict(evidence) if now >= quiet_at else Verdict(look_again_at=quiet_at)
    if now < overdue_at:
        return Verdict(look_again_at=overdue_at)
    settled = progress.is_advice and progress.received_uids and not progress.reported
    return Verdict(Evidence.QUIET if settled else None, incomplete=True)


def _all_named(progress: Progress) -> bool:
    return any(reported.image_uids for reported in progress.reported) and not missing(progress)
