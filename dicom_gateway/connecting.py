"""What the page needs to set up connections: what there is and where it is set, the check of a new one, its test.

What tests and plays is loaded when it is first asked for.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from dicom_gateway.connectors.hl7.maps import SHIPPED as MAPS
from dicom_gateway.connectors.hl7.template import SHIPPED as TEMPLATES
from dicom_gateway.core.connections import (
    Connections,
    Incoming,
    NotInEffect,
    Outgoing,
    Practice,
    Report,
)
from dicom_gateway.core.local_settings import LocalKind
from dicom_gateway.core.model import Order
from dicom_gateway.gateway import Gateway
from dicom_gateway.network import is_loopback
from dicom_gateway.own_address import own_address
from dicom_gateway.settings import Settings
from dicom_gateway.settings_loading import settings_origin
from dicom_gateway.settings_local import DEFAULT, PAGE, checked, is_local, with_local
from dicom_gateway.starting import runs
from dicom_gateway.web.connection_services import ConnectionServices


def services_of(gateway: Gateway) -> ConnectionServices:
    """Return what the pages of connections work with."""
    return ConnectionServices(
        store=gateway.local_settings,
        known=lambda: connections_of(gateway),
        check=lambda kind, document: check(gateway, kind, document),
        try_document=lambda document: _try_document(gateway, document),
        try_named=lambda name: _try_named(gateway, name),
        play=lambda order: _play(gateway, order),
        maps=tuple(MAPS),
        templates=tuple(TEMPLATES),
    )


def _try_document(gateway: Gateway, document: Mapping[str, Any]) -> Report:
    from dicom_gateway.trying_pms import try_document  # with it comes httpx, which only who sends needs

    check(gateway, LocalKind.PMS, document)
    return try_document(gateway, document)


def _try_named(gateway: Gateway, name: str) -> Report:
    from dicom_gateway.trying_pms import try_named

    return try_named(gateway, name)


def _play(gateway: Gateway, order: Order) -> None:
    from dicom_gateway.trial import play  # with it comes what only a device needs

    play(gateway.settings, order)


def connections_of(gateway: Gateway) -> Connections:
    """Return everything that is set up, as the database has it now."""
    local = with_local(gateway.settings)
    settings, origin = local.settings, settings_origin(local.settings)
    return Connections(
        practice=_practice(settings, origin),
        outgoing=tuple(
            Outgoing(pms.name, pms.type, pms.destination, pms.sources, _origin(settings, LocalKind.PMS, pms.name))
            for pms in settings.pms
        ),
        incoming=tuple(
            Incoming(
                one.name, one.map, one.sending_application, one.sending_facility, str(one.folder or ""),
                _origin(settings, LocalKind.HL7_SOURCE, one.name),
            )
            for one in settings.hl7_source
        ),
        not_in_effect=tuple(NotInEffect(left.kind.value, left.name, left.why) for left in local.left_out),
        hl7_address=_hl7_address(settings),
        hl7_port=settings.hl7.port,
        hl7_tls=settings.hl7.tls_key is not None,
        is_applied=local.version == gateway.local.version,
        applies_itself=runs(gateway.data_dir) is not False,
    )  # fmt: skip


def check(gateway: Gateway, kind: LocalKind, document: Mapping[str, Any]) -> None:
    """Raise InvalidDocument, by field, or Conflict unless `document` can be set beside all that is set."""
    checked(with_local(gateway.settings).settings, kind, document)


def _practice(settings: Settings, origin: Mapping[str, str]) -> Practice:
    def elsewhere(name: str) -> str:
        return "" if origin[name] in (DEFAULT, PAGE) else origin[name]

    return Practice(
        settings.gateway.practice,
        settings.gateway.time_zone or settings.zone().key,
        elsewhere("gateway.practice"),
        elsewhere("gateway.time_zone"),
        bool(settings.gateway.time_zone),
    )


def _origin(settings: Settings, kind: LocalKind, name: str) -> str:
    if is_local(settings, kind, name):
        return ""
    place = settings_origin(settings)[kind.value].removesuffix(f" and {PAGE}")
    return "gateway.toml" if place in (DEFAULT, PAGE) else place


def _hl7_address(settings: Settings) -> str:
    host = settings.hl7.host
    if is_loopback(host):
        return ""
    try:
        return own_address(()) if ip_address(host).is_unspecified else host
    except ValueError:
        return host
