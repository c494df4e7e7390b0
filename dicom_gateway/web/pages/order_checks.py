"""What the page asks of an order before it is entered or changed here, beyond what every order must be.

A device is chosen for what it makes, at least one image is expected, and a patient number that is somebody else's is
asked about. What is refused stands by the name of its field.
"""

import re

from dicom_gateway.core.folding import fold
from dicom_gateway.core.model import Order, Patient
from dicom_gateway.storage.orders import OrderFilter
from dicom_gateway.web.pages.frame import Form, Visit
from dicom_gateway.web.pages.language import gettext as _
from dicom_gateway.web.pages.order_forms import AS_PLANNED, changeable

LATEST = 20  # orders of a number that are looked at: those of other issuers may be among them
_NONE = re.compile(r"0+|-[0-9]+")


def new_faults(visit: Visit, form: Form, modality: str) -> dict[str, str]:
    """Return by field what is wrong with the device and the number of images of a new order. Raises InvalidValue."""
    return _faults(visit, form.text("device"), modality, form.text("expected"), "")


def change_faults(visit: Visit, order: Order, form: Form) -> dict[str, str]:
    """Return by field what is wrong with a change; what stays as it was is taken. Raises InvalidValue."""
    found: dict[str, str] = {}
    for before, after in zip(changeable(order), changeable(order, form), strict=True):
        changed = {name: value for name, value in after.values.items() if value != before.values[name]}
        p, s = map(int, before.number.split("-"))
        modality = order.procedures[p].steps[s].modality
        device = changed.get("device", AS_PLANNED)
        found |= _faults(visit, device, modality, changed.get("expected", ""), f"-{before.number}")
    return found


def _faults(visit: Visit, device: str, modality: str, expected: str, suffix: str) -> dict[str, str]:
    found: dict[str, str] = {}
    made = next((one.modalities for one in visit.services.devices.store.all() if one.ae_title == device), ())
    if modality and made and modality not in made:
        says = _(
            "%(device)s does not make %(modality)s, but %(made)s. Choose another device or modality.",
            device=device, modality=modality, made=", ".join(made),
        )  # fmt: skip
        found[f"device{suffix}"] = visit.say(says)
    if _NONE.fullmatch(expected):
        found[f"expected{suffix}"] = "must be at least 1"
    return found


def other_patient(visit: Visit, patient: Patient) -> Order | None:
    """Return the latest order of the patient's number and issuer, if that is of somebody of another name."""
    latest = visit.services.orders.find(OrderFilter(patient_id=patient.id, limit=LATEST))
    same = next((order for order in latest if order.patient.issuer == patient.issuer), None)
    return same if same is not None and _folded(same.patient) != _folded(patient) else None


def _folded(patient: Patient) -> str:
    return " ".join(fold(patient.name.partition("=")[0].replace("^", " ")).split())
