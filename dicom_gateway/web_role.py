"""The web role: what the API and the page work with, composed from the parts of a gateway, and the server over it."""

import socket
import threading
from collections.abc import Callable

from dicom_gateway import __version__
from dicom_gateway.connecting import services_of
from dicom_gateway.core.device_answer import Echoed
from dicom_gateway.core.devices import Device
from dicom_gateway.device_sheets import sheet_of
from dicom_gateway.gateway import Gateway, clock
from dicom_gateway.machine import machine_of
from dicom_gateway.metrics import exposition
from dicom_gateway.readiness import Readiness, gauges
from dicom_gateway.settings import Settings
from dicom_gateway.settings_shown import settings_shown
from dicom_gateway.storage.badges import count_waiting
from dicom_gateway.storage.board import Board
from dicom_gateway.storage.delivery_control import DeliveryControl
from dicom_gateway.storage.device_traffic import DeviceTraffic
from dicom_gateway.storage.figures import FiguresStore
from dicom_gateway.storage.order_finding import OrderSearch
from dicom_gateway.storage.study_search import StudySearch
from dicom_gateway.storage.timeline import TimelineStore
from dicom_gateway.storage.unmatched import UnmatchedStore
from dicom_gateway.study.decoder import Decoder
from dicom_gateway.study.thumbnails import Thumbnails
from dicom_gateway.study.viewing import Viewing
from dicom_gateway.web.app import create_app
from dicom_gateway.web.server import WebServer
from dicom_gateway.web.services import DeviceServices, HealthServices, PageServices, Services


class WebRole:
    """Serves on `listening`. `run` returns after `stop`, when running requests have ended."""

    def __init__(self, gateway: Gateway, listening: socket.socket, is_draining: Callable[[], bool]) -> None:
        self._decoder, self._viewing = Decoder(), Viewing(gateway.object_path)
        web = gateway.settings.web
        tls = (web.tls_certificate, web.tls_key) if web.tls_certificate and web.tls_key else None
        self._app = create_app(_services(gateway, self._decoder, self._viewing, is_draining))
        self._server = WebServer(self._app, [listening], tls, web.behind_proxy)

    def run(self) -> None:
        """Serve until `stop`."""
        threading.Thread(target=self._app.state.renderer.warm, name="warm", daemon=True).start()
        self._server.run()
        self._decoder.close()
        self._viewing.close()

    def stop(self) -> None:
        """Tell `run` to end; callable from any thread."""
        self._server.stop()


def _services(gateway: Gateway, decoder: Decoder, viewing: Viewing, is_draining: Callable[[], bool]) -> Services:
    settings = gateway.settings
    return Services(
        orders=gateway.orders,
        patients=gateway.patients,
        studies=gateway.studies,
        settlement=gateway.settlement,
        templates=gateway.templates,
        outbox=gateway.outbox,
        messages=gateway.messages,
        tokens=gateway.tokens,
        users=gateway.users,
        sessions=gateway.sessions,
        page=_page_services(gateway, viewing),
        health=HealthServices(
            FiguresStore(gateway.database, clock, settings.zone()),
            DeviceTraffic(gateway.database),
            gateway.audit_reader,
            lambda: machine_of(gateway),
            lambda: settings_shown(settings),
        ),
        connections=services_of(gateway),
        audit=gateway.audit,
        devices=DeviceServices(
            gateway.device_store,
            gateway.admission,
            lambda device: sheet_of(device, settings),
            lambda device: _echo(device, settings),
        ),
        unknown_devices=gateway.unknown_devices,
        observations=gateway.observations,
        explain=lambda order, ae_title: gateway.explainer.explain(order, ae_title),
        objects=gateway.objects,
        delivered=gateway.delivered,
        thumbnails=Thumbnails(decoder, gateway.object_path, gateway.objects.thumbnail_path),
        zone=settings.zone(),
        clock=clock,
        readiness=Readiness(gateway, is_draining).components,
        metrics=lambda: exposition(gauges(gateway)),
        draining=is_draining,
        public_url=gateway.public_url(),
        version=__version__,
    )


def _page_services(gateway: Gateway, viewing: Viewing) -> PageServices:
    settings, database = gateway.settings, gateway.database
    targets = [pms.name for pms in settings.pms]
    return PageServices(
        practice=settings.gateway.practice,
        is_secure=bool(settings.web.tls_key) or settings.web.behind_proxy,
        version=gateway.changes.version,
        badges=lambda: count_waiting(database),
        viewing=viewing,
        study_search=StudySearch(database),
        board=Board(
            database, clock, settings.zone(), gateway.templates, lambda: targets,
            lambda: [device.ae_title for device in gateway.device_store.all()],
        ),
        order_search=OrderSearch(database),
        timelines=TimelineStore(database),
        matches=gateway.matches,
        unmatched=UnmatchedStore(database, clock),
        deliveries=DeliveryControl(database, clock, targets),
    )  # fmt: skip


def _echo(device: Device, settings: Settings) -> Echoed:
    from dicom_gateway.device_echo import echo  # pynetdicom, which the role has no other use for

    return echo(device, settings)
