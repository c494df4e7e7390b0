"""What devices asked and were served, handed over after the answer and written later, never part of a promise."""

from collections.abc import Callable
from typing import NamedTuple

from dicom_gateway.storage.worklist import StepVersion


class WorklistAsked(NamedTuple):
    """A worklist query as it was answered."""

    ae_title: str
    address: str
    at: int
    identifier: bytes  # as it was sent
    transfer_syntax_uid: str
    status: int  # DIMSE status of the last response
    served: tuple[StepVersion, ...]  # what was answered


Observe = Callable[[WorklistAsked], None]  # hands over and returns at once


def unobserved(asked: WorklistAsked) -> None:
    """Observe nothing."""
