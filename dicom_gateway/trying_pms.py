"""Trying the connection to a PMS, stored or not: a test event to a webhook, a test message by HL7, once and at once."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from dicom_gateway.connectors.hl7.client import Tls
from dicom_gateway.connectors.hl7.client import refusal as hl7_refusal
from dicom_gateway.connectors.probing import NotReached, Probe, connect, try_webhook
from dicom_gateway.core.connections import Found, Report
from dicom_gateway.core.envelope import Event, EventType, envelope
from dicom_gateway.errors import NotFound
from dicom_gateway.gateway import Gateway, clock
from dicom_gateway.settings import PmsSettings
from dicom_gateway.settings_local import Local, pms_of, with_local

ANSWER_SECONDS = 10  # for a test message; a delivery may take longer


def try_document(gateway: Gateway, document: Mapping[str, Any]) -> Report:
    """Try a PMS that need not be stored; raises InvalidDocument for a document that is none."""
    return _tried(gateway, pms_of(document))


def try_named(gateway: Gateway, name: str) -> Report:
    """Try the PMS of that name; raises NotFound."""
    local: Local = with_local(gateway.settings)
    found = next((pms for pms in local.settings.pms if pms.name == name), None)
    if found is None:
        raise NotFound(f"no PMS is named {name}")
    return _tried(gateway, found)


def _tried(gateway: Gateway, pms: PmsSettings) -> Report:
    return _TESTS[pms.type](gateway, pms)


def _probe() -> Probe:
    now = clock()
    event_id = f"evt_test_{now}"
    return Probe(event_id, json.dumps(envelope(event_id, Event(EventType.TEST, now))).encode())


def _try_webhook(gateway: Gateway, pms: PmsSettings) -> Report:
    try:
        secret = pms.signing_secret().get_secret_value()
    except (OSError, ValueError) as error:
        return _no_file(error)
    return try_webhook(pms.url or "", secret, _probe(), clock)


def _try_hl7(gateway: Gateway, pms: PmsSettings) -> Report:
    host = pms.host or ""
    try:
        context = Tls(pms.tls_ca, pms.tls_certificate, pms.tls_key).context() if pms.tls else None
        connect(host, pms.port, context, lambda address: hl7_refusal(address, pms.tls))
    except NotReached as error:
        return error.report
    except (OSError, ValueError) as error:
        return _no_file(error)
    probe, began = _probe(), clock()
    quick = pms.model_copy(update={"answer_seconds": min(pms.answer_seconds, ANSWER_SECONDS), "persistent": False})
    outcome = gateway.sink(quick).deliver(probe.event_id, began, probe.payload)
    milliseconds = (clock() - began) // 1000
    return Report(Found.ANSWERED if outcome.delivered else Found.LISTENS, outcome.detail, milliseconds)


def _no_file(error: Exception) -> Report:
    return Report(Found.FILES, str(getattr(error, "strerror", "") or type(error).__name__))


_TESTS: dict[str, Callable[[Gateway, PmsSettings], Report]] = {"webhook": _try_webhook, "hl7": _try_hl7}
