"""The first start, step by step: practice, device, PMS, test order. Each step can be left out and come back to.

The first administrator is made before (entrance.py); the PMS's forms are those of the connections.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, unquote
from zoneinfo import available_timezones

from fastapi import APIRouter
from starlette.responses import Response

from dicom_gateway.core.device_document import parse_device
from dicom_gateway.core.devices import Device
from dicom_gateway.core.local_settings import LocalKind, LocalSetting
from dicom_gateway.errors import Conflict, InvalidDocument, InvalidValue
from dicom_gateway.web.pages.board_words import MODALITIES
from dicom_gateway.web.pages.device_forms import errors_at_fields
from dicom_gateway.web.pages.device_words import device_path, sheet_words
from dicom_gateway.web.pages.devices import unknown_devices
from dicom_gateway.web.pages.frame import Form, Submitted, Visit, Visiting, errors_by_field
from dicom_gateway.web.pages.language import gettext as _

Refusal = (InvalidValue, InvalidDocument, Conflict)
MOST_UNKNOWN: Final = 8
_ALONE: Final = "The gateway listens on its own machine only."  # how the note of core.device_sheet begins
_NOT_A_PLACE: Final = ("Etc/", "posix/", "right/", "SystemV/", "US/")

router = APIRouter(include_in_schema=False)


@router.get("/setup/practice")
def show_practice(visit: Visiting) -> Response:
    """Ask for name and time zone of the practice."""
    known = visit.services.connections.known().practice
    return _practice(visit, {"practice": known.name, "time_zone": known.zone})


@router.post("/setup/practice")
def set_practice(visit: Visiting, form: Submitted) -> Response:
    """Keep name and time zone of the practice; what a settings file says stays."""
    connections = visit.services.connections
    known = connections.known().practice
    asked = {"practice": form.text("practice"), "time_zone": form.text("time_zone")}
    fixed = {"practice": known.name_origin, "time_zone": known.zone_origin}
    document = {name: value for name, value in asked.items() if not fixed[name]}
    try:
        connections.check(LocalKind.PRACTICE, document)
    except Refusal as error:
        return _practice(visit, asked, errors_by_field(error))
    connections.store.put(LocalSetting(LocalKind.PRACTICE, "", document), visit.actor)
    return visit.go("/setup/device", _("Saved. It takes effect within half a minute."))


@router.get("/setup/device")
def show_device(visit: Visiting) -> Response:
    """Ask for the first device, or for one of those that were turned away."""
    return _device(visit, {"ae_title": "", "modality": "", "address": ""})


@router.get("/setup/unknown-devices")
def show_unknown(visit: Visiting) -> Response:
    """Show the devices that were turned away just now."""
    return visit.fragment("_setup_unknown.html", **_unknown(visit))


@router.post("/setup/device")
def add_device(visit: Visiting, form: Submitted) -> Response:
    """Add a device, or let one in that was turned away."""
    values = {name: form.text(name) for name in ("ae_title", "modality", "address")}
    try:
        device = _let_in(visit, form) if form.has("approve") else _added(visit, values)
    except Refusal as error:
        errors = {_FIELDS.get(name, name): text for name, text in errors_at_fields(error).items()}
        return _device(visit, values, errors)
    return visit.go(f"/setup/device/{_place(device.ae_title)}", _("%(device)s is set up.", device=device.ae_title))


@router.get("/setup/device/{place}")
def show_sheet(visit: Visiting, place: str) -> Response:
    """Show what to enter at the console, and wait for the device's first call."""
    device = visit.services.devices.store.get(unquote(place))
    sheet = visit.services.devices.sheet(device)
    return visit.page(
        "setup_sheet.html", device=device, sheet=sheet, words_of=sheet_words, alone=_ALONE,
        path=device_path(device.ae_title), place=_place(device.ae_title), **_heard(visit, device),
    )  # fmt: skip


@router.get("/setup/device/{place}/heard")
def show_heard(visit: Visiting, place: str) -> Response:
    """Show what was heard of a device so far."""
    device = visit.services.devices.store.get(unquote(place))
    return visit.fragment("_setup_heard.html", device=device, **_heard(visit, device))


@router.get("/setup/pms")
def show_pms(visit: Visiting) -> Response:
    """Ask how the PMS talks, or to go on without."""
    return visit.page("connection_new.html", first=True)


_FIELDS: Final = {"modalities": "modality", "allowed_from": "address", "host": "address"}  # of a device, to the form's


def _place(ae_title: str) -> str:
    """Return an AE title as a part of a path, quoted twice: it may hold slashes."""
    return quote(quote(ae_title, safe=""), safe="")


def _practice(visit: Visit, values: Mapping[str, str], errors: Mapping[str, str] | None = None) -> Response:
    return visit.page(
        "setup_practice.html",
        status=422 if errors else 200,
        errors=errors or {},
        values=values,
        known=visit.services.connections.known().practice,
        zones=_zones(values["time_zone"]),
    )


def _zones(also: str) -> list[tuple[str, str]]:
    """Return the time zones as people look for them: those of places, by name, and UTC."""
    places = {name for name in available_timezones() if "/" in name and not name.startswith(_NOT_A_PLACE)}
    return [(name, name.replace("_", " ")) for name in sorted(places | {"UTC"} | ({also} if also else set()))]


def _device(visit: Visit, values: Mapping[str, str], errors: Mapping[str, str] | None = None) -> Response:
    return visit.page(
        "setup_device.html",
        status=422 if errors else 200,
        errors=errors or {},
        values=values,
        modalities=[(code, words) for code, words in MODALITIES.items()],
        devices=visit.services.devices.store.all(),
        place_of=_place,
        **_unknown(visit),
    )


def _unknown(visit: Visit) -> dict[str, Any]:
    found = [one for one in unknown_devices(visit) if not one.known][:MOST_UNKNOWN]
    return {"unknown": found, "kinds": [(code, words) for code, words in MODALITIES.items()]}


def _added(visit: Visit, values: Mapping[str, str]) -> Device:
    address = values["address"]
    where = {"host": address, "allowed_from": [address]} if address else {}
    modality = values["modality"]
    try:
        device = parse_device({"ae_title": values["ae_title"], "modalities": [modality] if modality else [], **where})
    except InvalidDocument as error:
        if modality:
            raise
        raise InvalidDocument([InvalidValue("is required", "modality"), *error.errors]) from None
    if not modality:
        raise InvalidValue("is required", "modality")
    visit.services.devices.admission.add(device, visit.actor)
    return device


def _let_in(visit: Visit, form: Form) -> Device:
    modality = form.text("modality")
    admission = visit.services.devices.admission
    return admission.approve(form.text("approve"), visit.actor, modalities=[modality] if modality else [])


def _heard(visit: Visit, device: Device) -> dict[str, Any]:
    traffic = visit.services.health.traffic.of([device.ae_title])[device.ae_title]
    tried = [row for row in visit.services.unknown_devices.all() if row["ae_title"].strip() == device.ae_title]
    return {"traffic": traffic, "turned_away": tried[0] if tried else None}
