"""What the pages of connections and of the first start work with, handed in by the composition root."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dicom_gateway.core.connections import Connections, Report
from dicom_gateway.core.local_settings import LocalKind
from dicom_gateway.core.model import Order
from dicom_gateway.storage.local_settings import LocalSettingsStore


@dataclass(frozen=True, slots=True)
class ConnectionServices:
    """`known`: what is set up just now; `check` raises InvalidDocument, by field, or Conflict for what cannot be set;
    `try_document` and `try_named` test a PMS that is not stored and one that is; `play` does what the device of a test
    order would do, and raises GatewayError; `maps` and `templates` are those that are shipped."""

    store: LocalSettingsStore
    known: Callable[[], Connections]
    check: Callable[[LocalKind, Mapping[str, Any]], None]
    try_document: Callable[[Mapping[str, Any]], Report]
    try_named: Callable[[str], Report]
    play: Callable[[Order], None]
    maps: Sequence[str]
    templates: Sequence[str]
