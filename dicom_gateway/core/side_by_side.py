"""What a device says beside what an order says, field by field, for the person who decides whether both are of one."""

from dataclasses import dataclass

from dicom_gateway.core.suggestions import Asked, Said


@dataclass(frozen=True, slots=True)
class Difference:
    """One line of two that stand side by side: what the device says, what the order says."""

    field: str
    theirs: str
    ours: str

    @property
    def differs(self) -> bool:
        """Whether the two say something different."""
        return self.theirs.strip() != self.ours.strip()


def compare(said: Said, asked: Asked) -> list[Difference]:
    """Return the two side by side; fields of which neither says anything are left out."""
    lines = (
        Difference("patient_id", said.patient_id, asked.patient_id),
        Difference("issuer", said.issuer, asked.issuer),
        Difference("patient_name", said.patient_name, asked.patient_name),
        Difference("birth_date", said.birth_date, asked.birth_date),
        Difference("sex", said.sex, asked.sex),
        Difference("species", said.species, asked.species),
        Difference("accession_number", said.accession_number, next(iter(asked.accession_numbers), "")),
        Difference("modality", said.modality, asked.modality),
        Difference("teeth", ", ".join(sorted(said.teeth)), ", ".join(sorted(asked.teeth))),
    )
    return [line for line in lines if line.theirs or line.ours]
