"""The accepting side of an association: pynetdicom's server on a socket that is listening already.

PS3.8. Adds to pynetdicom what real devices need: TCP_NODELAY, acknowledgement at once after each read (a device with
Nagle's algorithm otherwise waits 40 ms a message), reads larger than 4 KiB, a backlog of 128, and presentation contexts
that are shared instead of copied for each connection (8 to 200 ms of copying).
"""

import socket
import threading
from collections.abc import Callable
from typing import Any

from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

from dicom_gateway.operating_system import acknowledge_at_once
from dicom_gateway.upperlayer.association import ServedAssociation, end

BACKLOG = 128
READ_BYTES = 256 * 1024
POLL_SECONDS = 0.5

EventHandlers = list[tuple[Any, Callable[..., Any]]]


class SharedContexts(list[PresentationContext]):
    """Presentation contexts that all associations share: negotiation only reads them."""

    def __deepcopy__(self, memo: dict[int, Any]) -> "SharedContexts":
        return self


class PromptSocket(AssociationSocket):
    """The socket of an association, read in large pieces and acknowledged at once."""

    def recv(self, nr_bytes: int) -> bytearray:
        """Read `nr_bytes`, or fewer when the peer has closed the connection."""
        assert self.socket is not None
        data = bytearray()
        while len(data) < nr_bytes:
            piece = self.socket.recv(min(nr_bytes - len(data), READ_BYTES))
            if not piece:
                break
            data += piece
            acknowledge_at_once(self.socket)
        return data


class _Handler(RequestHandler):
    """Makes the association of one connection, on a prompt socket."""

    def _create_association(self) -> Association:
        association = ServedAssociation.serve(super()._create_association())
        plain = association.dul.socket
        assert plain is not None
        assert isinstance(self.request, socket.socket)
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        acknowledge_at_once(self.request)
        plain.__class__ = PromptSocket  # same fields; a second socket object would announce the connection twice
        return association


class DicomServer(ThreadedAssociationServer):
    """Accepts associations on `listening` until `stop`."""

    request_queue_size = BACKLOG
    daemon_threads = True
    block_on_close = False

    def __init__(
        self,
        ae: AE,
        listening: socket.socket,
        contexts: list[PresentationContext],
        handlers: EventHandlers,
    ) -> None:
        self._listening = listening
        address = listening.getsockname()
        super().__init__(
            ae,
            address,
            ae.ae_title,
            SharedContexts(contexts),
            evt_handlers=handlers,  # type: ignore[arg-type]
            request_handler=_Handler,
        )
        ae._servers.append(self)
        self._thread = threading.Thread(
            target=self.serve_forever, args=(POLL_SECONDS,), name="dicom-server", daemon=True
        )

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

    def start(self) -> None:
        """Accept associations in a thread of their own."""
        self._thread.start()

    def stop_accepting(self) -> None:
        """Accept nothing more; associations that are open go on."""
        self.shutdown()
        self._thread.join()

    def is_busy(self) -> bool:
        """Say whether a message is in work on any association."""
        return any(association.is_busy for association in self._open())

    def end_associations(self) -> None:
        """End all associations."""
        end(self._open())

    def _open(self) -> list[ServedAssociation]:
        return [found for found in self.active_associations if isinstance(found, ServedAssociation)]
