"""Owner and animal in PatientName: "owner's family name^animal's name" (PS3.3 C.7.1.1.1.2), or as some devices have it.

An order names an animal as the standard does. For a device that wants it the other way round the first two components
of each group change places, in what is compared and in what is answered.
"""

from dicom_gateway.core.devices import AnimalNames
from dicom_gateway.core.model import Order, Patient


def names_an_animal(patient: Patient) -> bool:
    """Whether the name is that of an animal. A child has a responsible person too, who is not its owner."""
    owner = patient.responsible_person and patient.responsible_person_role in ("", "OWNER")
    return bool(patient.is_animal or owner or patient.responsible_organization)


def as_named(order: Order, animal_names: AnimalNames) -> Order:
    """Return an order as a device with that order of names is shown it."""
    patient = order.patient
    if animal_names is AnimalNames.OWNER_FIRST or not names_an_animal(patient):
        return order
    return order.evolve(patient=patient.evolve(name=swapped(patient.name)))


def swapped(name: str) -> str:
    """Return a person name with the first two components of each group exchanged."""
    return "=".join(_swapped_group(group) for group in name.split("="))


def _swapped_group(group: str) -> str:
    first, *rest = group.split("^")
    second = rest.pop(0) if rest else ""
    return "^".join((second, first, *rest)) if first or second else group
