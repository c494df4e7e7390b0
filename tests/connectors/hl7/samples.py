"""The messages of sample_data/hl7 and what each is to become: the JSON file of the same name beside it."""

from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dicom_gateway.connectors.hl7.interpret import Interpreted, interpret
from dicom_gateway.connectors.hl7.maps import FieldMap, load_map
from dicom_gateway.connectors.hl7.message import Message, read_message
from dicom_gateway.connectors.hl7.patients import PatientChange

SAMPLES = Path(__file__).resolve().parents[3] / "sample_data" / "hl7"
ZONE = ZoneInfo("Europe/Berlin")
TODAY = date(2027, 1, 15)
MAPS = {"vetera": "vetera", "assistovet": "assistovet"}  # the begin of a name -> map
SEPARATORS = "|^~\\&"


def message(*segments: str, kind: str = "ORM^O01", version: str = "2.5.1", charset: str = "") -> bytes:
    """Return a message of these segments behind an MSH."""
    msh = f"MSH|^~\\&|PMS|CLINIC|GW|CLINIC|20270115080000||{kind}|C-1|P|{version}||||||{charset}"
    return "\r".join([msh, *segments]).encode()


PID = "PID|1||P-78^^^MYPMS||Doe^Rex||20190501|M"
ORC = "ORC|NW|A-1|||SC||^^^20270115100000"
OBR = "OBR|1|A-1||THX^Thorax^99X||||||||||||||||||||DX"


def read(raw: bytes, field_map: FieldMap | None = None) -> Interpreted:
    """Return what a message means by a map (the default one)."""
    return interpret(read_message(raw), field_map or load_map(source="mypms"), ZONE, TODAY)


def parsed(path: Path) -> tuple[Message, FieldMap]:
    """Return a sample's message and the map that it is read by."""
    return read_message(path.read_bytes()), load_map(MAPS.get(path.name.split("_")[0], "default"), source="sample")


def meaning(path: Path) -> dict[str, Any]:
    """Return what a sample becomes, as its JSON file says it."""
    found = interpret(*parsed(path), ZONE, TODAY)
    orders = [
        {
            "action": change.action.value,
            "placer_order_number": change.placer_order_number,
            "patient": list(change.patient),
            "appointed": list(change.appointed),
            "start": [step.start.isoformat() for step in change.order.steps()] if change.order else [],
            "document": change.document,
        }
        for change in found.orders
    ]
    return {
        "event": found.event,
        "orders": orders,
        "patients": [_patient(change) for change in found.patients],
        "not_read": [place for place, _ in found.ignored],
        "remarks": list(found.remarks),
    }


def _patient(change: PatientChange) -> dict[str, Any]:
    values = {name: getattr(change.patient, name) for name in sorted(change.named)}
    return {
        "action": change.action.value,
        "patient": list(change.identity),
        "old": list(change.old),
        "named": {
            name: value if isinstance(value, bool | int | float) else str(value) for name, value in values.items()
        },
    }
