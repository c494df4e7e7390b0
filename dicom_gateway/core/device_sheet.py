"""What to enter at the console of a device, so that it finds the gateway and its own steps: as data and as a page.

The services are those of PS3.4: verification (A), storage (B), the worklist (K.6.1) with the keys by which a device
finds its steps (Table K.6-1), and the modality performed procedure step (F.7).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap
from typing import Any, Final

from pydicom.datadict import dictionary_description, tag_for_keyword
from pydicom.tag import Tag

from dicom_gateway.core.devices import Device, Service

_TODAY = "today"
_SERVICES: dict[Service, tuple[str, str | None, str]] = {  # name for a person, SOP class UID, what it is for
    Service.WORKLIST: ("Worklist (MWL, C-FIND)", "1.2.840.10008.5.1.4.31", "its patients and steps"),
    Service.MPPS: ("MPPS (N-CREATE, N-SET)", "1.2.840.10008.3.1.2.3.3", "tells when a step begins and ends"),
    Service.STORAGE: ("Storage (C-STORE)", None, "sends its images, in any class and encoding"),
}
_VERIFICATION: Final[tuple[str, str | None, str]] = (
    "Verification (C-ECHO)",
    "1.2.840.10008.1.1",
    "the console's test of the connection",
)
_WIDTH = 30
_PAGE_WIDTH = 96


@dataclass(frozen=True, slots=True)
class Place:
    """How a device reaches the gateway. `address`: "" when it is not known; `tls_port`: None without TLS."""

    ae_title: str
    address: str
    port: int
    tls_port: int | None
    wants_certificate: bool
    is_local: bool  # it listens on its own machine only
    checks_called_ae_title: bool


def sheet_document(device: Device, place: Place) -> dict[str, Any]:
    """Return what to enter, for a program."""
    return {
        "ae_title": device.ae_title,
        "gateway": {
            "ae_title": place.ae_title,
            "address": place.address or None,
            "port": place.port,
            "tls_port": place.tls_port,
            "client_certificate": place.wants_certificate,
        },
        "services": list(_services(device)),
        "worklist_keys": list(_keys(device)) if Service.WORKLIST in device.services else [],
        "notes": list(_notes(device, place)),
    }


def _services(device: Device) -> Iterator[dict[str, Any]]:
    name, uid, words = _VERIFICATION
    yield {"name": name, "sop_class_uid": uid, "enter": True, "words": words}
    for service, (name, uid, words) in _SERVICES.items():
        is_wanted = service in device.services
        if not is_wanted:
            words = "switch it off: this device may not use it"
        elif service is Service.MPPS and not device.sends_mpps:
            is_wanted, words = False, "not needed: nothing waits for its reports (sends_mpps is off)"
        yield {"name": name, "sop_class_uid": uid, "enter": is_wanted, "words": words}


def _keys(device: Device) -> Iterator[dict[str, str]]:
    yield _key("ScheduledStationAETitle", device.ae_title)
    if len(device.modalities) == 1:  # a console takes one value; the station alone finds the steps of several
        yield _key("Modality", device.modalities[0])
    yield _key("ScheduledProcedureStepStartDate", _TODAY)


def _key(keyword: str, value: str) -> dict[str, str]:
    tag = Tag(tag_for_keyword(keyword) or 0)
    return {"tag": f"({tag.group:04X},{tag.element:04X})", "name": dictionary_description(tag), "value": value}


def _notes(device: Device, place: Place) -> Iterator[str]:
    yield f"The device must call itself {device.ae_title}, spelt exactly so: capitals count."
    if place.checks_called_ae_title:
        yield f"It must call the gateway {place.ae_title}: another name is refused."
    if place.is_local:
        yield (
            "The gateway listens on its own machine only. For a device elsewhere set dicom.host to the address of this "
            "machine, or to 0.0.0.0, and start the gateway again."
        )
    elif not place.address:
        yield "The address of this machine towards the device is not known: ask who looks after the network."
    networks = " or ".join(str(network).removesuffix("/32").removesuffix("/128") for network in device.allowed_from)
    yield f"It may call from {networks} only." if networks else "It may call from any address."
    if not device.modalities:
        yield "No modality is entered for it: it gets only steps of orders that name it as their station."
    if place.wants_certificate:
        yield "On the TLS port it must show a certificate of the configured CA."


def sheet_text(document: dict[str, Any]) -> str:
    """Return the page of `sheet_document`, lines of at most 96 characters."""
    gateway = document["gateway"]
    address = gateway["address"] or "the address of the gateway's machine"
    lines = [
        f"Device {document['ae_title']}: what to enter at its console",
        "",
        _line("Its own AE title", document["ae_title"]),
        "",
        "The gateway, the same for every service",
        _line("AE title", gateway["ae_title"]),
        _line("Address (host)", address),
        _line("Port", gateway["port"]),
    ]
    if gateway["tls_port"]:
        certificate = ", with a certificate of the device" if gateway["client_certificate"] else ""
        lines.append(_line("or, with TLS, port", f"{gateway['tls_port']}{certificate}"))
    lines += ["", "Services"]
    lines += [_line(one["name"], f"{'yes' if one['enter'] else 'no '}  {one['words']}") for one in document["services"]]
    if document["worklist_keys"]:
        lines += ["", "Worklist query: keys to fill in; the first one alone finds its own steps"]
        lines += [_line(f"{one['tag']} {one['name']}", one["value"], 52) for one in document["worklist_keys"]]
    lines += ["", "Mind"]
    for note in document["notes"]:
        lines += wrap(note, _PAGE_WIDTH, initial_indent="  - ", subsequent_indent="    ")
    return "\n".join(lines) + "\n"


def _line(name: str, value: object, width: int = _WIDTH) -> str:
    return f"  {name:<{width}}{value}"
