"""Devices: each with a light by its traffic; those that were refused and wait for a person's word; add, change, remove.

One of gateway.toml is shown and cannot be changed here. Changes hold from the next association on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from dicom_gateway.core.device_document import parse_device
from dicom_gateway.core.devices import Device, Devices, Origin
from dicom_gateway.errors import Conflict, InvalidDocument, InvalidValue, NotFound
from dicom_gateway.storage.database import Row
from dicom_gateway.storage.device_traffic import Traffic
from dicom_gateway.web.pages.board_words import MODALITIES
from dicom_gateway.web.pages.device_forms import document_of, errors_at_fields, fields_of, filled_in, split
from dicom_gateway.web.pages.device_words import LIGHTS, NEVER, ae_title_of, device_path, sheet_words
from dicom_gateway.web.pages.frame import Submitted, Visit, Visiting
from dicom_gateway.web.pages.language import Text
from dicom_gateway.web.pages.language import gettext as _

MOST_UNKNOWN = 50
# Fields that are folded away unless something is wrong with them.
MORE = frozenset(
    {
        "services", "character_sets", "unencodable", "station_names", "animal_names", "quiet_seconds",
        "incomplete_after_seconds", "associations", "object_mb",
    }
)  # fmt: skip
Refusal = (InvalidValue, InvalidDocument, Conflict)

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """A device of the list, with what it did last."""

    device: Device
    traffic: Traffic
    colour: str
    words: Text

    @property
    def path(self) -> str:
        """Where its page is."""
        return device_path(self.device.ae_title)


@dataclass(frozen=True, slots=True)
class Unknown:
    """A device that was refused, with its attempts by address, the last one first. `known`: it is configured, and may
    not call from there, or calls somebody else."""

    ae_title: str
    attempts: Sequence[Row]
    known: bool
    alike: str = ""  # a configured device whose name differs only in capitals

    @property
    def path(self) -> str:
        """Where its pages are."""
        return device_path(self.ae_title)

    @property
    def last(self) -> Row:
        """Its last attempt."""
        return self.attempts[0]


@router.get("/devices")
def list_devices(visit: Visiting) -> Response:
    """Show every device, and above them those that wait for a word."""
    return visit.page("devices.html", **_listed(visit))


@router.get("/devices/list")
def list_again(visit: Visiting) -> Response:
    """Show the same again, after a change."""
    return visit.fragment("_devices.html", **_listed(visit))


@router.get("/devices/new")
def show_new(visit: Visiting) -> Response:
    """Ask for a new device."""
    return _form(visit, None, fields_of(Device("")))


@router.post("/devices")
def add(visit: Visiting, form: Submitted) -> Response:
    """Add a device."""
    try:
        device = parse_device(document_of(form))
        visit.services.devices.admission.add(device, visit.actor)
    except Refusal as error:
        return _form(visit, None, filled_in(form), errors_at_fields(error))
    done = _("%(device)s is added. What to enter at its console stands here.", device=device.ae_title)
    return visit.go(device_path(device.ae_title, "sheet"), done)


@router.get("/devices/{place}/change")
def show_change(visit: Visiting, place: str) -> Response:
    """Show a device to be changed."""
    device = _changeable(visit, place)
    return _form(visit, device, fields_of(device))


@router.post("/devices/{place}/change")
def change(visit: Visiting, form: Submitted, place: str) -> Response:
    """Give a device other values."""
    device = _changeable(visit, place)
    try:
        document = {**document_of(form), "ae_title": device.ae_title}
        visit.services.devices.admission.replace(parse_device(document), visit.actor)
    except Refusal as error:
        return _form(visit, device, filled_in(form), errors_at_fields(error))
    return visit.go(device_path(device.ae_title), _("Saved. It holds from the next call of the device on."))


@router.get("/devices/{place}/remove")
def show_removal(visit: Visiting, place: str) -> Response:
    """Ask whether a device is to go."""
    device = _changeable(visit, place)
    return visit.page("device_remove.html", device=device, path_of=device_path)


@router.post("/devices/{place}/remove")
def remove(visit: Visiting, form: Submitted, place: str) -> Response:
    """Remove a device."""
    device = _changeable(visit, place)
    visit.services.devices.store.remove(device.ae_title, visit.actor)
    return visit.go("/devices", _("%(device)s is removed.", device=device.ae_title))


@router.get("/devices/{place}/approve")
def show_approval(visit: Visiting, place: str) -> Response:
    """Show what a refused device tried, and ask how it may come in."""
    unknown = _unknown_of(visit, ae_title_of(place))
    addresses = ", ".join(dict.fromkeys(attempt["address"] for attempt in unknown.attempts))
    return _approval(visit, unknown, {"allowed_from": addresses, "modalities": ""})


@router.post("/devices/{place}/approve")
def approve(visit: Visiting, form: Submitted, place: str) -> Response:
    """Let a refused device in."""
    unknown = _unknown_of(visit, ae_title_of(place))
    values = {"allowed_from": form.text("allowed_from"), "modalities": ", ".join(form.all("modalities"))}
    try:
        lists = {name: split(text, name) for name, text in values.items()}
        device = visit.services.devices.admission.approve(unknown.ae_title, visit.actor, **lists)
    except Refusal as error:
        return _approval(visit, unknown, values, errors_at_fields(error))
    done = _("%(device)s may call now. Let it try again.", device=device.ae_title)
    return visit.go(device_path(device.ae_title), done)


@router.post("/devices/{place}/ignore")
def ignore(visit: Visiting, form: Submitted, place: str) -> Response:
    """Forget what a refused device tried, until it calls again."""
    unknown = _unknown_of(visit, ae_title_of(place))
    visit.services.unknown_devices.forget(unknown.ae_title)
    visit.services.audit.note(visit.now, visit.actor, "refused device ignored", f"device {unknown.ae_title}")
    done = _("The calls of %(device)s are forgotten. It shows up again when it calls again.", device=unknown.ae_title)
    return visit.go("/devices", done)


@router.get("/devices/{place}/sheet")
def show_sheet(visit: Visiting, place: str) -> Response:
    """Show what to enter at the console of a device, to be printed."""
    device = visit.services.devices.store.get(ae_title_of(place))
    return visit.page(
        "sheet.html",
        device=device,
        sheet=visit.services.devices.sheet(device),
        path_of=device_path,
        words_of=sheet_words,
    )


def line_of(visit: Visit, device: Device, traffic: Traffic) -> DeviceLine:
    """Return a device with its light."""
    light = traffic.light
    never = not (light.seen_at or light.refused_at)
    colour, words = NEVER if never else LIGHTS[light.light(visit.now)]
    return DeviceLine(device, traffic, colour, words)


def unknown_devices(visit: Visit) -> list[Unknown]:
    """Return the devices that were refused, last seen first."""
    configured = visit.services.devices.store.all()
    known = {device.ae_title for device in configured}
    by_title: dict[str, list[Row]] = {}
    for row in visit.services.unknown_devices.all():
        by_title.setdefault(row["ae_title"].strip(), []).append(row)
    alike = {ae_title.casefold(): ae_title for ae_title in known}
    return [
        Unknown(name, attempts, name in known, "" if name in known else alike.get(name.casefold(), ""))
        for name, attempts in by_title.items()
    ]


def _listed(visit: Visit) -> dict[str, Any]:
    store = visit.services.devices.store
    devices = store.all()
    traffic = visit.services.health.traffic.of(device.ae_title for device in devices)
    unknown = unknown_devices(visit)
    return {
        "lines": [line_of(visit, device, traffic[device.ae_title]) for device in devices],
        "unknown": list(islice(unknown, MOST_UNKNOWN)),
        "others": max(0, len(unknown) - MOST_UNKNOWN),
        "clashes": store.clashes(),
        "path_of": device_path,
    }


def _unknown_of(visit: Visit, ae_title: str) -> Unknown:
    found = next((one for one in unknown_devices(visit) if one.ae_title == ae_title.strip()), None)
    if found is None:
        raise NotFound(f"no device {ae_title} was refused")
    return found


def _changeable(visit: Visit, place: str) -> Device:
    """Return a device of the database; raises NotFound, or Conflict for one of the file."""
    device = visit.services.devices.store.get(ae_title_of(place))
    if device.origin is Origin.FILE:
        raise Conflict(f"device {device.ae_title} is configured in gateway.toml; change it there")
    return device


def _form(
    visit: Visit, device: Device | None, values: dict[str, Any], errors: dict[str, str] | None = None
) -> Response:
    status = 422 if errors else 200
    return visit.page(
        "device_form.html", status, device=device, values=values, errors=errors or {}, **_modalities(values),
        path_of=device_path, more=MORE & (errors or {}).keys(),
    )  # fmt: skip


def _modalities(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the modalities to be ticked, those that are, and the others as text."""
    chosen = split(str(values["modalities"]), "modalities")
    return {
        "modalities": MODALITIES,
        "chosen": chosen,
        "other_modalities": ", ".join(one for one in chosen if one not in MODALITIES),
    }


def _approval(
    visit: Visit, unknown: Unknown, values: dict[str, str], errors: dict[str, str] | None = None
) -> Response:  # fmt: skip
    status = 422 if errors else 200
    device = visit.services.devices.store.get(unknown.ae_title) if unknown.known else None
    return visit.page(
        "device_approve.html", status, unknown=unknown, values=values, errors=errors or {}, **_modalities(values),
        admits=device is not None and _admits(device, unknown),
        is_of_file=device is not None and device.origin is Origin.FILE,
    )  # fmt: skip


def _admits(device: Device, unknown: Unknown) -> bool:
    """Say whether a configured device may call from where it called last: then it was refused for something else."""
    return Devices([device], accept_unknown=False).admits(device.ae_title, unknown.last["address"])
