"""The forms of connections: what was filled in as documents of settings, and back again.

A field that is empty is left out, so that the setting's default holds. Checks are those of the settings themselves.
"""

import base64
import secrets
from collections.abc import Mapping
from typing import Any, Final

from dicom_gateway.core.local_settings import SECRET, LocalKind
from dicom_gateway.web.pages.frame import LONGEST_FIELD, Form

SECRET_BYTES: Final = 32
OWN, ALL = "own", "all"  # of which orders events are sent
OUT, IN = "out", "in"  # ways of HL7
_OF_WEBHOOK: Final = ("name", "url", "secret")
_OF_HL7: Final = ("name", "host", "template", "receiving_application", "receiving_facility")
_OF_SOURCE: Final = (
    "name", "map", "sending_application", "sending_facility", "character_set", "assigning_authority",
)  # fmt: skip
FIELDS: Final = tuple(dict.fromkeys((*_OF_WEBHOOK, *_OF_HL7, *_OF_SOURCE, "port", "source", "scope")))


def new_secret() -> str:
    """Return a secret of Standard Webhooks that nobody knows yet."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def webhook_of(form: Form) -> dict[str, Any]:
    """Return the PMS of a form of webhooks."""
    return {"type": "webhook", **_filled(form, _OF_WEBHOOK), **_sources(form)}


def hl7_of(form: Form) -> dict[str, Any]:
    """Return the PMS of a form of HL7."""
    port = form.text("port")
    number: dict[str, Any] = {"port": int(port) if port.isascii() and port.isdigit() else port} if port else {}
    tls = {"tls": True} if form.has("tls") else {}
    return {"type": "hl7", **_filled(form, _OF_HL7), **number, **tls, **_sources(form)}


def source_of(form: Form) -> dict[str, Any]:
    """Return the HL7 source of a form."""
    return _filled(form, _OF_SOURCE)


DOCUMENTS: Final = {"webhook": webhook_of, "hl7": hl7_of}


def source_name(form: Form) -> str:
    """Return what the orders of this PMS name as their source."""
    return form.text("source") or form.text("name")


def empty_values(**more: Any) -> dict[str, Any]:
    """Return the fields of an empty form."""
    values: dict[str, Any] = dict.fromkeys(FIELDS, "")
    return {**values, "scope": ALL, "template": "orm", "map": "default", "tls": False, "ways": (), **more}


def values_of(kind: LocalKind, document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored document as the fields of its form; never the secret."""
    shown = {name: value for name, value in document.items() if name in FIELDS and name != SECRET}
    sources = document.get("sources") or [""]
    scope = {"source": sources[0], "scope": OWN if sources[0] else ALL} if kind is LocalKind.PMS else {}
    return empty_values(**shown, **scope, tls=bool(document.get("tls")))


def filled_in(form: Form) -> dict[str, Any]:
    """Return what was filled in as fields of the form, to show it again."""
    values = {name: "".join(form.values.get(name, ())[:1])[:LONGEST_FIELD] for name in FIELDS}
    return {**values, "tls": form.has("tls"), "ways": tuple(form.all("ways"))}


def _filled(form: Form, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name in names if (value := form.text(name, LONGEST_FIELD))}


def _sources(form: Form) -> dict[str, Any]:
    return {"sources": [source_name(form)]} if form.text("scope") == OWN and source_name(form) else {}
