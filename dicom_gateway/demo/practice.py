"""Who is at the two practices: systems (PMS), devices and orders as tables, and the gateway's settings for them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

QUIET_SECONDS = 1
FRONT_DESK = "front-desk"  # hears of everything, also of what belongs to no order
VET, DENTAL = "vet-pms", "dental-pms"
HL7 = "hl7-pms"  # speaks nothing else
SYSTEMS: dict[str, tuple[str, ...]] = {VET: (VET,), DENTAL: (DENTAL,), FRONT_DESK: ()}  # to the sources it hears of
DEVICES = {"DX1": "DX", "DX2": "DX", "US1": "US", "SENSOR1": "IO", "OPG1": "PX"}  # AE title to modality
ENVIRONMENT = {
    "DICOM_GATEWAY_COMPLETION__QUIET_SECONDS": str(QUIET_SECONDS),
    "DICOM_GATEWAY_STORAGE__RESERVE_MB": "16",
}


@dataclass(frozen=True, slots=True)
class Visit:
    """A patient who comes for images."""

    source: str
    number: str
    patient_id: str
    name: str
    station: str
    description: str
    expected: int | None = None
    animal: tuple[str, str, str] | None = None  # species, breed, whom it belongs to

    def order(self, start: datetime) -> dict[str, Any]:
        """Return the order as the API takes it."""
        patient: dict[str, Any] = {"id": self.patient_id, "issuer": self.source.upper(), "name": self.name}
        if self.animal:
            species, breed, owner = self.animal
            patient |= {"species": species, "breed": breed, "responsible_person": owner}
        step = {
            "modality": DEVICES[self.station],
            "station_ae_titles": [self.station],
            "start": start.isoformat(timespec="seconds"),
            "description": self.description,
            "expected_instances": self.expected,
        }
        return {
            "source": self.source,
            "placer_order_number": self.number,
            "patient": patient,
            "procedures": [{"description": self.description, "steps": [step]}],
        }


REX = Visit(VET, "V-1", "A-17", "Doe^Rex", "DX1", "Thorax 2 views", 2, ("Canine", "Beagle", "Doe^Jane"))
MIA = Visit(VET, "V-2", "A-21", "Roe^Mia", "US1", "Abdomen ultrasound", None, ("Feline", "Siamese", "Roe^Tom"))
LUNA = Visit(VET, "V-3", "A-30", "Poe^Luna", "DX1", "Skull", 1, ("Canine", "Whippet", "Poe^Ida"))
BELLA = Visit(VET, "V-4", "A-35", "Low^Bella", "DX1", "Pelvis", 1, ("Canine", "Boxer", "Low^Max"))
ANN = Visit(DENTAL, "D-1", "P-91", "Miller^Ann", "SENSOR1", "Bitewings", 2)
BEN = Visit(DENTAL, "D-2", "P-92", "Cooper^Ben", "OPG1", "Panoramic", 1)
PIA = Visit(HL7, "H-1", "A-50", "Gross^Pia", "DX2", "Thorax", 2, ("Feline", "Persian", "Groß"))
OLLI = Visit(HL7, "H-2", "A-51", "Kern^Olli", "DX2", "Elbow", 1, ("Canine", "Poodle", "Kern"))
VISITS = (REX, MIA, LUNA, BELLA, ANN, BEN)


def settings(url: Callable[[str], str], secret: str) -> str:
    """Return the tables of gateway.toml; `url` gives the address of each system."""
    lines = []
    for ae_title, modality in DEVICES.items():
        lines += ["[[device]]", f'ae_title = "{ae_title}"', f'modalities = ["{modality}"]', ""]
    for system, sources in SYSTEMS.items():
        lines += ["[[pms]]", f'name = "{system}"', f'url = "{url(system)}"', f'secret = "{secret}"']
        lines += [f"sources = {list(sources)}", ""]
    return "\n".join(lines).replace("'", '"')
