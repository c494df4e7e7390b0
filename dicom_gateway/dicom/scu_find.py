"""Asking for a worklist: C-FIND (PS3.4 K)."""

from collections.abc import Callable, Iterator

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pynetdicom.status import MODALITY_WORKLIST_SERVICE_CLASS_STATUS

from dicom_gateway.core.attributes import ROOT
from dicom_gateway.dicom.contexts import WORKLIST_FIND
from dicom_gateway.dicom.scu import Call, PeerFailed, any_answer, association, service_context
from dicom_gateway.dicom.scu_keys import read_keys
from dicom_gateway.dicom.status import PENDING, PENDING_WARNING
from dicom_gateway.dicom.worklist import with_character_set

_STEP = "ScheduledProcedureStepSequence"
_STEPS = tag_for_keyword(_STEP) or 0

# What is asked for when nothing is: what stands on a device's screen.
USUAL_KEYS = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyInstanceUID",
    "RequestedProcedureID",
    "RequestedProcedureDescription",
    "ScheduledProcedureStepSequence[0].ScheduledStationAETitle",
    "ScheduledProcedureStepSequence[0].ScheduledProcedureStepStartDate",
    "ScheduledProcedureStepSequence[0].ScheduledProcedureStepStartTime",
    "ScheduledProcedureStepSequence[0].Modality",
    "ScheduledProcedureStepSequence[0].ScheduledProcedureStepID",
    "ScheduledProcedureStepSequence[0].ScheduledProcedureStepDescription",
)


def worklist_identifier(keys: tuple[str, ...]) -> Dataset:
    """Return the identifier of `-k` keys; of none: the usual return keys. Raises InvalidValue."""
    identifier = read_keys(keys or USUAL_KEYS)
    return identifier if "SpecificCharacterSet" in identifier else with_character_set(identifier)


def misplaced(identifier: Dataset) -> list[str]:
    """Return what to say of keys that stand beside the step's sequence but belong in it (PS3.4 Table K.6-1): there they
    narrow nothing."""
    of_step = ROOT[_STEPS].children
    tags = [int(tag) for tag in identifier.keys()]
    return [f"{of_step[tag].keyword} belongs in {_STEP}[0]" for tag in tags if tag in of_step and tag not in ROOT]


def find_worklist(
    call: Call, identifier: Dataset, remark: Callable[[str], None] = lambda text: None
) -> Iterator[Dataset]:
    """Yield the answers as they come; `remark` is told, once, when the peer does not support a key (PS3.4 K.4.1.1.4).
    Raises NoAssociation or PeerFailed, also after some answers."""
    is_told = False
    with association(call, [service_context(WORKLIST_FIND)]) as open_association:
        for status, answer in open_association.send_c_find(identifier, WORKLIST_FIND):
            found = any_answer(call, "C-FIND", status, MODALITY_WORKLIST_SERVICE_CLASS_STATUS)
            if found.code in (PENDING, PENDING_WARNING):
                if answer is None:
                    raise PeerFailed(f"an answer of {call} cannot be decoded")
                if found.code == PENDING_WARNING and not is_told:
                    is_told = True
                    remark("the peer does not support all of these keys (FF01)")
                yield answer
            elif not found.ok:
                raise PeerFailed(f"{call} answered C-FIND with {found.words}")
