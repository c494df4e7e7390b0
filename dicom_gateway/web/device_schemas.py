"""What the API takes and answers about devices, key by key. Bodies are described by the document's own model."""

from typing import Any

from dicom_gateway.core.device_document import DeviceDocument
from dicom_gateway.core.devices import Origin
from dicom_gateway.web.json_schema import (
    BOOLEAN,
    INSTANT,
    INTEGER,
    Properties,
    Schema,
    list_of,
    nullable,
    record,
    ref,
    text,
)

_TEXT, _TEXT_OR_NULL = text(), nullable(text())
_BOUNDS = {"ge": "minimum", "le": "maximum"}  # pydantic leaves these as they are behind a check of our own
_SAID_BETTER: dict[str, Schema] = {
    "ae_title": text(16) | {"minLength": 1},
    "host": text(253),
    "allowed_from": {"type": "array", "items": text(), "default": []},
}
_UNKNOWN: Properties = {
    "ae_title": (_TEXT, "as which it called"),
    "address": (_TEXT, "from which it called"),
    "called_ae_title": (_TEXT, "as what it called this gateway"),
    "reason": (_TEXT_OR_NULL, "why it was refused the last time"),
    "proposed": ({"type": "array", "items": text()}, "the services that it wanted, by the names of their SOP classes"),
    "tls": (BOOLEAN, "it came over TLS"),
    "first_seen_at": (INSTANT, "its first attempt"),
    "last_seen_at": (INSTANT, "its last attempt"),
    "attempts": (INTEGER, "how many"),
}
_ECHO: Properties = {
    "ae_title": (_TEXT, "of the device"),
    "host": (_TEXT, "where it was called"),
    "port": (INTEGER, "where it was called"),
    "answered": (BOOLEAN, "it answered with success"),
    "detail": (_TEXT, "its answer, or what failed, in words"),
    "milliseconds": (nullable({"type": "number"}), "from request to answer; null without one"),
}
_SHEET: Properties = {
    "ae_title": (_TEXT, "what the device must call itself, spelt exactly so"),
    "gateway": (ref("SheetGateway"), "whom it calls, for every service"),
    "services": (list_of("SheetService"), "what to switch on and off"),
    "worklist_keys": (list_of("SheetKey"), "by which it finds its steps; the first one alone is enough"),
    "notes": ({"type": "array", "items": text()}, "what else to mind, each a sentence"),
}
_SHEET_GATEWAY: Properties = {
    "ae_title": (_TEXT, "the gateway's"),
    "address": (_TEXT_OR_NULL, "of this machine on the way to the device; null: not known"),
    "port": (INTEGER, "DICOM without TLS"),
    "tls_port": (nullable(INTEGER), "DICOM over TLS; null: not served"),
    "client_certificate": (BOOLEAN, "on the TLS port the device must show a certificate"),
}
_SHEET_SERVICE: Properties = {
    "name": (_TEXT, "as consoles call it"),
    "sop_class_uid": (nullable(text(64)), "null: any storage class"),
    "enter": (BOOLEAN, "false: leave it off"),
    "words": (_TEXT, "what it is for, or why it is left off"),
}
_SHEET_KEY: Properties = {
    "tag": (_TEXT, "(gggg,eeee)"),
    "name": (_TEXT, "of the attribute"),
    "value": (_TEXT, "what to enter"),
}
_ORIGIN: Schema = text(choices=Origin)
_ANSWERED: Properties = {
    "origin": (_ORIGIN, "where it is configured: `file` is gateway.toml, which cannot be changed here")
}


def device_schemas() -> dict[str, Schema]:
    """Return the schemas about devices, by name."""
    properties = _document_properties()
    described: Properties = {name: (schema, schema["description"]) for name, schema in properties.items()}
    return {
        "DeviceDocument": {
            "type": "object",
            "description": "A device: an AE that calls the gateway. What is left out has its default.",
            "additionalProperties": False,
            "required": ["ae_title"],
            "properties": properties
            | {"origin": _ORIGIN | {"description": "ignored: a whole answer may be sent back"}},
        },
        "Device": record("A configured device.", described | _ANSWERED),
        "UnknownDevice": record("A device that was refused, from one address.", _UNKNOWN),
        "DeviceEcho": record("How a C-ECHO to a device ended.", _ECHO),
        "DeviceSheet": record("What to enter at the console of a device.", _SHEET),
        "SheetGateway": record("Whom a device calls.", _SHEET_GATEWAY),
        "SheetService": record("A service of a device.", _SHEET_SERVICE),
        "SheetKey": record("A key of a worklist query.", _SHEET_KEY),
    }


def _document_properties() -> dict[str, Schema]:
    found: dict[str, Schema] = DeviceDocument.model_json_schema()["properties"]
    return {name: _bounded({**schema, **_SAID_BETTER.get(name, {}), "title": None}) for name, schema in found.items()}


def _bounded(schema: Any) -> Any:
    """Return a schema of pydantic's with bounds as JSON Schema names them, and without titles."""
    if isinstance(schema, list):
        return [_bounded(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    return {_BOUNDS.get(key, key): _bounded(value) for key, value in schema.items() if key != "title"}
