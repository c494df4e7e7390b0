"""Studies as people look for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_gateway.core.model import Study
from dicom_gateway.storage.database import Database
from dicom_gateway.storage.migrate import migrate
from dicom_gateway.storage.study_rows import put_study
from dicom_gateway.storage.study_search import StudyFilter, StudySearch

STUDIES = (
    Study("1.1", patient_name="Müller^Änne=", patient_id="P-1", modality="IO", accession_number="A100"),
    Study("1.2", patient_name="MÜLLER^JOSEF", patient_id="P-2", modality="DX", accession_number="A200"),
    Study("1.3", patient_name="Doe^Rex", patient_id="100%", modality="DX", accession_number="B_1"),
    Study("1.4", patient_name="Van der Berg^Ann Mary", patient_id="p-4", modality="CT"),
    Study("1.5", patient_name="Yamada^Tarou=山田^太郎", patient_id="100X", modality=""),
    Study("1.6", patient_name="Nobody^Here", patient_id="P-6", modality="MG"),
)


@pytest.fixture
def search(tmp_path: Path) -> Iterator[StudySearch]:
    migrate(tmp_path / "a.sqlite3")
    database = Database(tmp_path / "a.sqlite3")

    def fill(tx: object) -> None:
        for number, study in enumerate(STUDIES):
            received = 0 if study.study_instance_uid == "1.6" else 1
            put_study(tx, study.evolve(received=received, last_received_at=1000 - number // 2), None)  # type: ignore[arg-type]

    database.write(fill)
    yield StudySearch(database)
    database.close()


@pytest.mark.parametrize(
    ("text", "uids"),
    [
        ("", ["1.2", "1.1", "1.4", "1.3", "1.5"]),
        ("müller", ["1.2", "1.1"]),
        ("Müller", ["1.2", "1.1"]),
        ("Müller, Jo", ["1.2"]),
        ("josef müller", ["1.2"]),
        ("berg", ["1.4"]),
        ("mary", ["1.4"]),
        ("erg", []),
        ("山", ["1.5"]),
        ("P-2", ["1.2"]),
        ("p-", ["1.2", "1.1", "1.4"]),
        ("a1", ["1.1"]),
        ("100%", ["1.3", "1.5"]),
        ("100%X", []),
        (",", []),
        ("nobody", []),
    ],
)
def test_what_is_found(search: StudySearch, text: str, uids: list[str]) -> None:
    assert [study.study_instance_uid for study in search.find(StudyFilter(text))] == uids


def test_by_modality_and_page_by_page(search: StudySearch) -> None:
    assert [study.study_instance_uid for study in search.find(StudyFilter(modality="DX"))] == ["1.2", "1.3"]
    assert search.find(StudyFilter("rex", "IO")) == []
    seen: list[str] = []
    before = None
    while found := search.find(StudyFilter(limit=2, before=before)):
        seen += [study.study_instance_uid for study in found]
        before = (found[-1].last_received_at, found[-1].study_instance_uid)
    assert seen == ["1.2", "1.1", "1.4", "1.3", "1.5"]


def test_the_modalities_there_are(search: StudySearch) -> None:
    assert search.modalities() == ["CT", "DX", "IO", "MG"]
