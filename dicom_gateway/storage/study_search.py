"""Received studies as people look for them: by the begin of a number or of a part of a name, and by modality.

A name is kept as the images have it, so it is compared as written, without regard to case. The newest come first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, Final

from dicom_gateway.core.model import Study
from dicom_gateway.storage import study_rows
from dicom_gateway.storage.database import Database, Transaction
from dicom_gateway.storage.tables import StudyRow

MOST_WORDS: Final = 6
LATEST: Final = 1000  # studies that say which modalities there are


@dataclass(frozen=True, slots=True)
class StudyFilter:
    """Which studies: `text` is the begin of a patient id or an accession number, or of parts of a name; `before` is
    (last_received_at, UID) of the last one seen."""

    text: str = ""
    modality: str = ""
    limit: int = 50
    before: tuple[int, str] | None = None


class StudySearch:
    """Finds studies."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, wanted: StudyFilter) -> Sequence[Study]:
        """Return studies that have images, newest first; images that wait are counted apart, as StudyStore does."""
        conditions = [StudyRow.received > 0]
        if words := wanted.text.split()[:MOST_WORDS]:
            conditions.append(found_in(words))
        if wanted.modality:
            conditions.append(StudyRow.modality == wanted.modality)
        if wanted.before:
            at, uid = wanted.before
            earlier = (StudyRow.last_received_at == at) & (StudyRow.study_instance_uid < uid)
            conditions.append((StudyRow.last_received_at < at) | earlier)
        query = StudyRow.select().where(*conditions)
        query = query.order_by(StudyRow.last_received_at.desc(), StudyRow.study_instance_uid.desc()).limit(wanted.limit)
        return self._database.read(lambda tx: _counted(tx, [study_rows.study_of(row) for row in tx.rows(query)]))

    def modalities(self) -> list[str]:
        """Return the modalities of the latest studies, by their letters."""
        query = StudyRow.select(StudyRow.modality).order_by(StudyRow.last_received_at.desc()).limit(LATEST)
        return sorted({modality for modality in self._database.read(lambda tx: tx.values(query)) if modality})


def _counted(tx: Transaction, studies: Sequence[Study]) -> list[Study]:
    linked = study_rows.linked_counts(tx, [study.study_instance_uid for study in studies if study.order_id])
    return [
        study.evolve(received=linked.get(uid, 0), waiting=study.received - linked.get(uid, 0))
        if study.order_id
        else study
        for study in studies
        for uid in (study.study_instance_uid,)
    ]


def found_in(words: Sequence[str]) -> Any:
    """Return the condition that a study's number or name is what somebody typed."""
    return _is_number(" ".join(words)) | _is_name(words[:MOST_WORDS])


def _is_number(text: str) -> Any:
    return (StudyRow.patient_id ** _pattern(text)) | (StudyRow.accession_number ** _pattern(text))


def _is_name(words: Sequence[str]) -> Any:
    """Return the condition that each word begins a component of the name."""
    found = [_begins_part(word.strip(",")) for word in words if word.strip(",")]
    return reduce(lambda one, other: one & other, found) if found else StudyRow.patient_name == ""


def _begins_part(word: str) -> Any:
    # LIKE knows the case of ASCII letters only.
    forms = dict.fromkeys((word, word.lower(), word.upper(), word.capitalize()))
    patterns = [start + _pattern(form) for form in forms for start in ("", "%^", "%=", "% ")]
    return reduce(or_, (StudyRow.patient_name**pattern for pattern in patterns))


def _pattern(text: str) -> str:
    """Return the pattern of LIKE for what begins with `text`, whose own wild cards stand for one character each."""
    return text.replace("%", "_") + "%"
