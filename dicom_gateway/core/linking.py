"""Which order does a received object or a performed step belong to: ordered rules, each with its reason.

IHE RAD scheduled workflow; PS3.3 C.12.1.1.1 (references), PS3.4 F. The store gathers `Candidate`s by the keys that
the object carries; `link` decides among them. A match holds only if the patient agrees. Modality, name and birth date
are no test: when in doubt, the object waits to be matched by hand, and nothing of it is delivered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from dicom_gateway.core.model import StepReference
from dicom_gateway.core.status import StepStatus


class LinkReason(StrEnum):
    """Why something was linked, or why it waits."""

    PERFORMED_STEP = "performed step reference"
    STEP_REFERENCE = "request attributes"
    STUDY_UID = "study instance UID"
    ACCESSION = "accession number"
    NO_ORDER = "no order"
    PATIENT_DIFFERS = "patient differs"
    CANCELED = "order was cancelled"
    WRONG_ENTRY = "incorrect worklist entry selected"
    VERSION = "another version of a known instance"
    SEVERAL_PROCEDURES = "accession number of several procedures"
    MANUAL = "matched by hand"
    UNMATCHED = "unmatched by hand"


LINKED = frozenset(
    {
        LinkReason.PERFORMED_STEP,
        LinkReason.STEP_REFERENCE,
        LinkReason.STUDY_UID,
        LinkReason.ACCESSION,
        LinkReason.MANUAL,
    }
)
WAITING = frozenset(LinkReason) - LINKED - {LinkReason.VERSION}  # somebody has to say where it belongs


@dataclass(frozen=True, slots=True)
class Candidate:
    """A scheduled step that may be meant, with what decides."""

    order_id: str
    requested_procedure_id: str
    study_instance_uid: str
    step_id: str
    step_status: StepStatus
    modality: str
    accession_number: str
    patient_id: str
    issuer: str
    original_step_id: str = ""
    original_procedure_id: str = ""
    original_accession_number: str = ""
    other_patient_ids: tuple[str, ...] = ()  # of the same issuer, merged with this one


@dataclass(frozen=True, slots=True)
class LinkKeys:
    """What an object or a performed step says of where it belongs.

    `performed` are the steps that the referenced performed steps are linked to, `named_by` those of a performed step
    that names this instance: both as (order id, step id). `empty_patient_agrees`: an MPPS may leave the id empty.
    """

    study_instance_uid: str
    accession_number: str
    patient_id: str
    issuer: str
    modality: str = ""
    references: tuple[StepReference, ...] = ()
    performed: tuple[tuple[str, str], ...] = ()
    named_by: tuple[tuple[str, str], ...] = ()
    empty_patient_agrees: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """The decision: the steps meant, all of one procedure (none while it waits), and why. `candidates` are
    suggestions for a person."""

    reason: LinkReason
    steps: tuple[Candidate, ...] = ()
    candidates: tuple[Candidate, ...] = ()

    @property
    def order_id(self) -> str:
        """The order, or "" while it waits."""
        return self.steps[0].order_id if self.steps else ""

    @property
    def requested_procedure_id(self) -> str:
        """The requested procedure, or "" while it waits."""
        return self.steps[0].requested_procedure_id if self.steps else ""

    @property
    def step_id(self) -> str:
        """The scheduled step, or "" when it cannot be told within the procedure."""
        return self.steps[0].step_id if len(self.steps) == 1 else ""


def link(keys: LinkKeys, candidates: Sequence[Candidate]) -> Link:
    """Decide which step of `candidates` is meant by `keys`."""
    for reason, rule in RULES:
        found = rule(keys, candidates)
        if not found:
            continue
        agreeing = [c for c in found if patient_agrees(keys, c)]
        if not agreeing:
            return Link(LinkReason.PATIENT_DIFFERS, candidates=tuple(found))
        live = [c for c in agreeing if c.step_status is not StepStatus.CANCELED]
        if not live:
            return Link(LinkReason.CANCELED, candidates=tuple(agreeing))
        if reason is LinkReason.ACCESSION:
            live = _only_open_procedure(live)
            if not live:
                return Link(LinkReason.SEVERAL_PROCEDURES, candidates=tuple(agreeing))
        return Link(reason, _steps_meant(keys, _of_one_procedure(keys, live)))
    return Link(LinkReason.NO_ORDER)


def patient_agrees(keys: LinkKeys, candidate: Candidate) -> bool:
    """Say whether the patient is the same: the id after trimming, or one merged with it; the issuer where both sides
    have one."""
    theirs = keys.patient_id.strip()
    if not theirs and keys.empty_patient_agrees:
        return True
    if theirs not in (candidate.patient_id.strip(), *candidate.other_patient_ids):
        return False
    issuers = {keys.issuer.strip(), candidate.issuer.strip()} - {""}
    return len(issuers) < 2


def _by_performed_step(keys: LinkKeys, candidates: Sequence[Candidate]) -> list[Candidate]:
    return [c for c in candidates if (c.order_id, c.step_id) in keys.performed]


def _by_reference(keys: LinkKeys, candidates: Sequence[Candidate]) -> list[Candidate]:
    return [c for c in candidates if any(_is_meant(reference, c) for reference in keys.references)]


def _is_meant(reference: StepReference, candidate: Candidate) -> bool:
    """Say whether a reference names this step: by its id, within the study or under the procedure's id."""
    step_id = reference.scheduled_procedure_step_id.strip()
    if not step_id or step_id not in (candidate.step_id, candidate.original_step_id):
        return False
    if reference.study_instance_uid == candidate.study_instance_uid:
        return True
    accession = reference.accession_number.strip()
    procedure = reference.requested_procedure_id.strip()
    return (
        bool(accession and procedure)
        and accession in (candidate.accession_number, candidate.original_accession_number)
        and procedure in (candidate.requested_procedure_id, candidate.original_procedure_id)
    )


def _by_study(keys: LinkKeys, candidates: Sequence[Candidate]) -> list[Candidate]:
    uids = {keys.study_instance_uid, *(reference.study_instance_uid for reference in keys.references)} - {""}
    return [c for c in candidates if c.study_instance_uid in uids]


def _by_accession(keys: LinkKeys, candidates: Sequence[Candidate]) -> list[Candidate]:
    numbers = {keys.accession_number.strip(), *(r.accession_number.strip() for r in keys.references)} - {""}
    return [c for c in candidates if numbers & {c.accession_number, c.original_accession_number}]


RULES = (
    (LinkReason.PERFORMED_STEP, _by_performed_step),
    (LinkReason.STEP_REFERENCE, _by_reference),
    (LinkReason.STUDY_UID, _by_study),
    (LinkReason.ACCESSION, _by_accession),
)


def _only_open_procedure(found: list[Candidate]) -> list[Candidate]:
    """Keep the only procedure, or the only one that is still open; else none."""
    procedures = {(c.order_id, c.requested_procedure_id) for c in found}
    if len(procedures) > 1:
        ended = (StepStatus.COMPLETED, StepStatus.DISCONTINUED)
        procedures = {(c.order_id, c.requested_procedure_id) for c in found if c.step_status not in ended}
    return [c for c in found if (c.order_id, c.requested_procedure_id) in procedures] if len(procedures) == 1 else []


def _of_one_procedure(keys: LinkKeys, found: list[Candidate]) -> list[Candidate]:
    """Keep the procedure of the object's own study, else the first: one performed step may serve several."""
    own = [c for c in found if c.study_instance_uid == keys.study_instance_uid] or found
    first = own[0]
    return [c for c in own if (c.order_id, c.requested_procedure_id) == (first.order_id, first.requested_procedure_id)]


def _steps_meant(keys: LinkKeys, found: list[Candidate]) -> tuple[Candidate, ...]:
    """Return the step inside the study: the one that a reference names, else the one whose performed step names the
    instance, else those of that modality (the only one, as a rule), else all: the procedure as a whole."""
    referred = _by_reference(keys, found)
    named = [c for c in found if (c.order_id, c.step_id) in keys.named_by]
    same = [c for c in found if c.modality == keys.modality]
    return tuple(referred or named or same or found)
