"""The patient of an order document: a person or an animal, and the codes of an animal's species, breed and registry.

A code that is sent is taken; without one it is looked up by the words (species.py, breeds.py). The words stay what was
sent, but for a bare code value, which is shown as its meaning.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dicom_gateway.core.breeds import breed_code
from dicom_gateway.core.model import BreedRegistration, Code, OtherPatientID, Patient
from dicom_gateway.core.order_fields import (
    BirthDate,
    Language,
    LongText,
    NoneIsEmpty,
    NoneIsNoItem,
    Number,
    PersonName,
    Role,
    ShortText,
    Text,
    Truth,
)
from dicom_gateway.core.species import registry_code, species_code


class Document(BaseModel):
    """A part of an order document: no other field is taken."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    read_only: ClassVar[frozenset[str]] = frozenset()  # what an answer adds; ignored when it is sent back

    @model_validator(mode="before")
    @classmethod
    def _without_read_only(cls, value: Any) -> Any:
        if isinstance(value, dict) and cls.read_only & value.keys():
            return {key: item for key, item in value.items() if key not in cls.read_only}
        return value


class CodeDocument(Document):
    """A coded concept."""

    value: Annotated[ShortText, Field(min_length=1)]
    scheme: Annotated[ShortText, Field(min_length=1)]
    meaning: Text = ""

    def to_code(self) -> Code:
        """Return the core value."""
        return Code(self.value, self.scheme, self.meaning)


class OtherIdDocument(Document):
    """Another identifier of the patient."""

    id: Annotated[Text, Field(min_length=1)]
    type: ShortText = ""
    issuer: Text = ""


class BreedRegistrationDocument(Document):
    """A registration of an animal with a breed registry."""

    number: Annotated[Text, Field(min_length=1)]
    registry: Text = ""
    registry_code: CodeDocument | None = None

    def to_registration(self) -> BreedRegistration:
        """Return the core value, with the registry's code where one is known."""
        code = self.registry_code.to_code() if self.registry_code else registry_code(self.registry)
        return BreedRegistration(self.number, _words(self.registry, code), code)


class PatientDocument(Document):
    """A person or an animal."""

    id: Annotated[Text, Field(min_length=1)]
    issuer: Text = ""
    name: Annotated[PersonName, Field(min_length=1)]
    birth_date: BirthDate = None
    sex: Annotated[Literal["M", "F", "O", ""], NoneIsEmpty] = ""
    weight_kg: Annotated[Annotated[float, Field(gt=0, lt=100_000)] | None, Number] = None
    size_m: Annotated[Annotated[float, Field(gt=0, lt=100)] | None, Number] = None
    species: Text = ""
    species_code: CodeDocument | None = None
    breed: Text = ""
    breed_codes: Annotated[tuple[CodeDocument, ...], Field(max_length=10), NoneIsNoItem] = ()
    breed_registrations: Annotated[tuple[BreedRegistrationDocument, ...], Field(max_length=10), NoneIsNoItem] = ()
    neutered: Truth = None
    responsible_person: PersonName = ""
    responsible_person_role: Role = ""
    responsible_organization: Text = ""
    other_ids: Annotated[tuple[OtherIdDocument, ...], Field(max_length=50), NoneIsNoItem] = ()
    medical_alerts: Annotated[tuple[Text, ...], Field(max_length=50), NoneIsNoItem] = ()
    allergies: Annotated[tuple[Text, ...], Field(max_length=50), NoneIsNoItem] = ()
    special_needs: Text = ""
    state: Text = ""
    pregnancy_status: Annotated[Annotated[int, Field(ge=1, le=4)] | None, Number] = None
    languages: Annotated[tuple[Language, ...], Field(max_length=10), NoneIsNoItem] = ()
    comments: LongText = ""

    def to_patient(self) -> Patient:
        """Return the core value, with the codes of the species and the breed where they are known."""
        species = self.species_code.to_code() if self.species_code else species_code(self.species)
        breeds = tuple(code.to_code() for code in self.breed_codes) or _coded(
            breed_code(self.breed, self.species, species.value if species else "")
        )
        return Patient(
            **self.model_dump(exclude=_MADE),
            species=_words(self.species, species),
            species_code=species,
            breed=_words(self.breed, breeds[0] if len(breeds) == 1 else None),
            breed_codes=breeds,
            breed_registrations=tuple(item.to_registration() for item in self.breed_registrations),
            other_ids=tuple(OtherPatientID(**item.model_dump()) for item in self.other_ids),
        )


_MADE = {"species", "species_code", "breed", "breed_codes", "breed_registrations", "other_ids"}


def _coded(code: Code | None) -> tuple[Code, ...]:
    return (code,) if code else ()


def _words(sent: str, code: Code | None) -> str:
    """Return what was sent; the code's meaning where nothing was, or only its value."""
    return code.meaning if code and sent in ("", code.value) else sent
