"""The accepting side: counts connections, does the handshake and reads the request of each in its own thread.

PS3.8 9.2 (the acceptor's states). pynetdicom's server keeps the listening socket and the event handlers; connections
beyond the limits are closed when they are accepted, and nothing that a peer does or leaves undone holds up another.
"""

import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import Any

import structlog
from pynetdicom import AE
from pynetdicom.pdu import A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import A_ASSOCIATE
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import AddressInformation, AssociationServer

from dicom_gateway.upperlayer.acceptors import Acceptors
from dicom_gateway.upperlayer.association import ABORTED_BY_PROVIDER, StreamingAssociation, abort_unit
from dicom_gateway.upperlayer.connection import Connection, HandshakeFailed, Late, Lost
from dicom_gateway.upperlayer.limits import DEFAULT_LIMITS, MAX_PDU_BYTES, Limits
from dicom_gateway.upperlayer.message import ReceiveObject
from dicom_gateway.upperlayer.shares import Share, Shares
from dicom_gateway.upperlayer.stock import StockAssociation
from dicom_gateway.upperlayer.terms import Terms, hold_to
from dicom_gateway.upperlayer.units import ASSOCIATE_RQ, UNEXPECTED_PDU, InvalidUnit, Unit, UnitReader

log = structlog.get_logger()

BACKLOG = 1024  # a connection beyond it waits seconds for its next try
STOP_SECONDS = 10.0
ASKING_SECONDS = 0.5  # for a request of who was connected when the end began
PROTOCOL_VERSION = 1
VERSION_NOT_SUPPORTED, TEMPORARY_CONGESTION = (1, 2, 2), (2, 3, 1)  # result, source, reason: PS3.8 table 9-21

EventHandlers = list[tuple[Any, Callable[..., Any]]]
ServedAssociation = StreamingAssociation | StockAssociation


class Gate:
    """Counts what is open on all listeners: connections, in all and by address, and associations that were admitted,
    in all and by device (a calling AE title at an address)."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._connections: Counter[str] = Counter()
        self._admitted: dict[Any, tuple[str, str]] = {}
        self.shares = Shares()
        self._guard = threading.Lock()

    def enter(self, address: str) -> bool:
        """Count a connection; False when there are too many already."""
        with self._guard:
            limits, opened = self._limits, self._connections
            if opened.total() >= limits.connections or opened[address] >= limits.connections_per_address:
                return False
            opened[address] += 1
            return True

    def leave(self, address: str) -> None:
        """Count a connection no more."""
        with self._guard:
            self._connections[address] -= 1
            if not self._connections[address]:
                del self._connections[address]

    def admit(self, association: Any, ae_title: str, address: str, most: int | None = None) -> bool:
        """Count an association until it ends; False when there are too many already. `most`: the device's own limit."""
        with self._guard:
            device = (ae_title, address)
            of_device = sum(admitted == device for admitted in self._admitted.values())
            most = self._limits.associations_per_device if most is None else most
            if len(self._admitted) >= self._limits.associations or of_device >= most:
                return False
            self._admitted[association] = device
            return True

    def dismiss(self, association: Any) -> None:
        """Count an association no more."""
        with self._guard:
            self._admitted.pop(association, None)


class DicomServer(AssociationServer):
    """Accepts associations on `listening` until `stop_accepting`.

    `terms_of` says by the calling AE title what an association gets; `count` is told of connections that come to
    nothing: `connection refused`, `handshake failed`, `request late`, `request invalid`.
    """

    request_queue_size = BACKLOG

    def __init__(
        self,
        ae: AE,
        listening: socket.socket,
        contexts: list[PresentationContext],
        handlers: EventHandlers,
        receive_object: ReceiveObject,
        gate: Gate,
        limits: Limits = DEFAULT_LIMITS,
        tls: ssl.SSLContext | None = None,
        terms_of: Callable[[str], Terms] | None = None,
        count: Callable[[str], None] = lambda event: None,
    ) -> None:
        self._listening = listening
        self._limits = limits
        self._gate = gate
        self._tls = tls
        self._terms_of = terms_of or (lambda ae_title: Terms(limits))
        self._count = count
        self._receive_object = receive_object
        self._associations: set[ServedAssociation] = set()
        self._guard = threading.Lock()
        super().__init__(
            ae, listening.getsockname(), ae.ae_title, contexts, evt_handlers=handlers,  # type: ignore[arg-type]
        )  # fmt: skip
        ae._servers.append(self)  # type: ignore[arg-type]
        ae.maximum_associations = limits.connections + 1  # counted here, by device too, not by looking at threads
        self._is_stopping = False
        self._asking: set[Connection] = set()  # connected, and no association yet
        self._acceptors = Acceptors(listening, self._serve)

    # What socketserver calls.

    def server_bind(self) -> None:
        """Use the socket that listens already."""
        assert self.socket is not None
        self.socket.close()
        self.socket = self._listening
        self.server_address = self.socket.getsockname()

    def server_activate(self) -> None:
        """Listen, with room for a burst of devices."""
        assert self.socket is not None
        self.socket.listen(BACKLOG)

    # What the DICOM side calls.

    def start(self) -> None:
        """Accept associations in threads of their own."""
        self._acceptors.start()

    def stop_accepting(self) -> None:
        """Accept nothing more, neither connections nor, after a moment for those that were connected already,
        associations; those that are open go on."""
        self._acceptors.stop(STOP_SECONDS)
        deadline = time.monotonic() + ASKING_SECONDS
        while self._asking and time.monotonic() < deadline:
            time.sleep(0.005)
        with self._guard:
            self._is_stopping = True
        self.ae._servers.remove(self)  # type: ignore[arg-type]

    @property
    def is_secure(self) -> bool:
        """Whether its associations are over TLS."""
        return self._tls is not None

    @property
    def active_associations(self) -> list[Any]:
        """The open associations."""
        with self._guard:
            return list(self._associations)

    def is_busy(self) -> bool:
        """Say whether a message is in work on any association."""
        return any(association.is_busy for association in self.active_associations)

    def end_associations(self) -> None:
        """End all associations."""
        for association in self.active_associations:
            association.end()

    def wait_until_gone(self, seconds: float) -> None:
        """Return when every association has ended and cleaned up after itself, or after `seconds`."""
        deadline = time.monotonic() + seconds
        while self.active_associations and time.monotonic() < deadline:
            time.sleep(0.01)

    # One connection.

    def _serve(self, connected: socket.socket, client_address: Any) -> None:
        """Serve a connection, or close it when there are too many."""
        address = str(client_address[0])
        if not self._gate.enter(address):
            self._count("connection refused")
            connected.close()
            return
        connection = Connection(connected, address)
        self._asking.add(connection)
        try:
            with self._gate.shares.of(address) as share:
                self._negotiate(connection, client_address, share)
        except Exception as error:
            log.error("association ended by an error", exc_info=error)
        finally:
            self._asking.discard(connection)
            connection.close(linger=True)
            self._gate.leave(address)

    def _negotiate(self, connection: Connection, client_address: Any, share: Share) -> None:
        reader = UnitReader(self._limits.request_bytes)
        try:
            if self._tls is not None:
                connection.secure(self._tls, self._limits.handshake_seconds)
            unit = self._first_unit(connection, reader)
            with share.working():
                primitive = _request_of(unit)
        except InvalidUnit as error:
            self._came_to_nothing(connection, "request invalid", error)
            self._last_word(connection, abort_unit(ABORTED_BY_PROVIDER, error.reason))
        except Late as error:
            self._came_to_nothing(connection, "request late", error)
        except HandshakeFailed as error:
            self._came_to_nothing(connection, "handshake failed", error)
        except Lost:
            return  # closed before it said anything: a probe
        else:
            if primitive.result is not None:
                self._last_word(connection, A_ASSOCIATE_RJ(primitive).encode())
                return
            association = self._associate(connection, reader, unit, primitive, client_address, share)
            is_registered = self._is_registered(association)
            self._asking.discard(connection)
            if not is_registered:
                primitive.result, primitive.result_source, primitive.diagnostic = TEMPORARY_CONGESTION
                self._last_word(connection, A_ASSOCIATE_RJ(primitive).encode())
                return
            try:
                with share.working() if isinstance(association, StreamingAssociation) else nullcontext():
                    association.serve(primitive)
            finally:
                self._gate.dismiss(association)
                with self._guard:
                    self._associations.discard(association)

    def _came_to_nothing(self, connection: Connection, event: str, error: Exception) -> None:
        self._count(event)
        log.info(event, why=str(error), address=connection.address)

    def _last_word(self, connection: Connection, unit: bytes) -> None:
        with suppress(Late, Lost):
            connection.send(unit, self._limits.send_seconds)

    def _first_unit(self, connection: Connection, reader: UnitReader) -> Unit:
        """Return the first PDU, which must be there in time; raises InvalidUnit, Late or Lost."""
        deadline = time.monotonic() + self._limits.request_seconds
        while (unit := reader.next()) is None:
            remaining = deadline - time.monotonic()
            count = connection.read_into(reader.space(), max(remaining, 0.001)) if remaining > 0 else None
            if count is None:
                raise Late("no association request")
            reader.received(count)
        assert isinstance(unit, Unit)
        if unit.kind != ASSOCIATE_RQ:
            raise InvalidUnit(f"PDU of type {unit.kind} before an association", UNEXPECTED_PDU)
        return unit

    def _associate(
        self, connection: Connection, reader: UnitReader, unit: Unit, request: A_ASSOCIATE, client_address: Any,
        share: Share,
    ) -> ServedAssociation:  # fmt: skip
        """Make the association as pynetdicom's RequestHandler does."""
        association: ServedAssociation
        terms = self._terms_of(str(request.calling_ae_title).strip())
        if terms.is_stock:
            association = StockAssociation(self.ae, connection.socket, unit.data)
        else:
            association = StreamingAssociation(self.ae, connection, reader, terms.limits, self._receive_object, share)
        hold_to(association, terms)
        association._server = self
        acceptor, ae = association.acceptor, self.ae
        acceptor.maximum_length = MAX_PDU_BYTES
        acceptor.ae_title = self.ae_title
        acceptor.address_info = AddressInformation.from_tuple(self.server_address)
        acceptor.implementation_class_uid = ae.implementation_class_uid
        acceptor.implementation_version_name = ae.implementation_version_name
        acceptor.supported_contexts = self.contexts
        association.requestor.address_info = AddressInformation.from_tuple(client_address)
        association._handlers = {
            event: list(handlers) if isinstance(handlers, list) else handlers
            for event, handlers in self._handlers.items()
        }
        return association

    def _is_registered(self, association: ServedAssociation) -> bool:
        """Count an association among the open ones; not while stopping."""
        with self._guard:
            if not self._is_stopping:
                self._associations.add(association)
            return not self._is_stopping


def _request_of(unit: Unit) -> A_ASSOCIATE:
    """Return what an A-ASSOCIATE-RQ asks for; its result is set where the protocol itself refuses it (PS3.8 9.3.1)."""
    try:
        pdu = A_ASSOCIATE_RQ()
        pdu.decode(unit.data)
        primitive = pdu.to_primitive()
    except Exception as error:
        raise InvalidUnit(f"association request not understood: {type(error).__name__}") from error
    if not pdu.protocol_version & PROTOCOL_VERSION:  # only this bit is tested, PS3.8 table 9-11
        primitive.result, primitive.result_source, primitive.diagnostic = VERSION_NOT_SUPPORTED
    return primitive
