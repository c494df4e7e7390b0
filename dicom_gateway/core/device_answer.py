"""Devices as the API and the command line show them: configured ones, refused ones, and how a C-ECHO ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dicom_gateway.core.local_time import iso_utc


@dataclass(frozen=True, slots=True)
class Echoed:
    """How a C-ECHO to a device ended, in words; `milliseconds` when it answered."""

    answered: bool
    words: str
    milliseconds: float | None = None


def unknown_document(attempt: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attempts of a refused device from one address."""
    return {
        "ae_title": attempt["ae_title"],
        "address": attempt["address"],
        "called_ae_title": attempt["called_ae_title"],
        "reason": attempt["reason"] or None,
        "proposed": attempt["proposed"],
        "tls": attempt["tls"],
        "first_seen_at": iso_utc(attempt["first_seen_at"]),
        "last_seen_at": iso_utc(attempt["last_seen_at"]),
        "attempts": attempt["attempts"],
    }


def echo_document(ae_title: str, host: str, port: int, echoed: Echoed) -> dict[str, Any]:
    """Return how a C-ECHO to a device at `host`:`port` ended."""
    return {
        "ae_title": ae_title,
        "host": host,
        "port": port,
        "answered": echoed.answered,
        "detail": echoed.words,
        "milliseconds": echoed.milliseconds,
    }
