"""A practice system that speaks nothing but HL7: orders and patients out by MLLP, status and results in by MLLP.

It knows the gateway only by the messages of HL7 v2.5.1: OMI^O23 and ADT^A08 to it, OMI^O23 and ORU^R01 from it.
"""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from itertools import count

from dicom_gateway.connectors.hl7.client import MllpClient, NotAnswered
from dicom_gateway.connectors.hl7.frames import FrameReader, framed
from dicom_gateway.connectors.hl7.replies import Reply, read_reply
from dicom_gateway.demo.expecting import WAIT_SECONDS, Unexpected
from dicom_gateway.demo.practice import DEVICES, Visit

ANSWER_SECONDS = 10.0
LARGEST_BYTES = 16 << 20
Message = list[list[str]]  # segments, each its fields from the name on


class Pims:
    """Listens on a free loopback port while entered, and sends to `port`. `tell` hears each new message."""

    def __init__(self, name: str, tell: Callable[[str], None]) -> None:
        self.name = name
        self.port = 0  # of the gateway
        self.messages: list[Message] = []
        self._ids: set[str] = set()
        self._tell = tell
        self._numbers = count(1)
        self._news = threading.Condition()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> "Pims":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()

    @property
    def settings(self) -> str:
        """The tables of gateway.toml that this system needs."""
        port = self._listening.getsockname()[1]
        return (
            f'[[hl7_source]]\nname = "{self.name}"\nsending_application = "{self.name}"\n\n'
            f'[[pms]]\nname = "{self.name}"\ntype = "hl7"\nhost = "127.0.0.1"\nport = {port}\n'
            f'template = "omi"\nthumbnails = "inline"\n'
            f'sources = ["{self.name}"]\nreceiving_application = "{self.name}"\n'
        )

    def order(self, visit: Visit, start: datetime, control: str = "NW", status: str = "SC") -> Reply:
        """Send an order, or what becomes of it (ORC-1 and ORC-5); return the answer."""
        modality = DEVICES[visit.station]
        return self._send(
            "OMI^O23^OMI_O23",
            _pid(visit),
            f"ORC|{control}|{visit.number}^{self.name}|||{status}",
            f"TQ1|1||||||{start:%Y%m%d%H%M%S}||R",
            f"OBR|1|{visit.number}^{self.name}||^{visit.description}",
            f"IPC|{visit.number}|{visit.number}-P||{visit.number}-S|{modality}|^{visit.description}|||{visit.station}",
        )

    def correct(self, visit: Visit) -> Reply:
        """Send what is known of a patient by now; return the answer."""
        return self._send("ADT^A08^ADT_A01", _pid(visit))

    def _send(self, kind: str, *segments: str) -> Reply:
        number = f"{self.name}-{next(self._numbers)}"
        msh = f"MSH|^~\\&|{self.name}||DICOM_GATEWAY||{datetime.now():%Y%m%d%H%M%S}||{kind}|{number}|P|2.5.1"
        text = "".join(f"{one}\r" for one in (f"{msh}||||||UNICODE UTF-8", *segments))
        try:
            return MllpClient("127.0.0.1", self.port, ANSWER_SECONDS).exchange(text.encode(), read_reply)
        except NotAnswered as error:
            raise Unexpected(f"{self.name} got no acknowledgement: {error}") from error

    def wait(self, what: str, found: Callable[[Message], bool], seconds: float = WAIT_SECONDS) -> Message:
        """Return the first message that is `found`, once it is here; raise Unexpected after `seconds`."""
        with self._news:
            here = self._news.wait_for(lambda: next(filter(found, self.messages), None), seconds)
        if not here:
            raise Unexpected(f"waited {seconds:g} s in vain for {what} at {self.name}")
        return here

    def told(self, number: str) -> list[str]:
        """Return what was told of an order, as it came: message and ORC-5."""
        with self._news:
            mine = [one for one in self.messages if value(one, "ORC", 2) == f"{number}^{self.name}"]
        return [f"{value(one, 'MSH', 8).split('^')[0]} {value(one, 'ORC', 5)}" for one in mine]

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                with connection, suppress(OSError):
                    connection.settimeout(ANSWER_SECONDS)
                    self._take(connection)

    def _take(self, connection: socket.socket) -> None:
        reader = FrameReader(LARGEST_BYTES)
        while data := connection.recv(65536):
            reader.feed(data)
            while (raw := reader.next()) is not None:
                connection.sendall(framed(self._answer(raw)))

    def _answer(self, raw: bytes) -> bytes:
        message = [line.split("|") for line in raw.decode().split("\r") if line]
        number = value(message, "MSH", 9)
        with self._news:
            if number not in self._ids:  # at least once: it may come again
                self._ids.add(number)
                self.messages.append(message)
                self._tell(_in_words(message))
            self._news.notify_all()
        return f"MSH|^~\\&|{self.name}||DICOM_GATEWAY||||ACK|{number}|P|2.5.1\rMSA|AA|{number}\r".encode()


def value(message: Message, segment: str, field: int) -> str:
    """Return a field of the first segment of a name, "" where there is none. MSH counts from its name on."""
    found = next((one for one in message if one[0] == segment), [])
    return found[field] if field < len(found) else ""


def observations(message: Message) -> dict[str, str]:
    """Return OBX-5 of each observation by the code in OBX-3."""
    return {one[3].split("^")[0]: one[5] for one in message if one[0] == "OBX"}


def _pid(visit: Visit) -> str:
    species, breed, owner = visit.animal or ("", "", "")
    fields = ["PID", "1", "", f"{visit.patient_id}^^^{visit.source.upper()}", "", visit.name, "", "", "", owner]
    return "|".join([*fields, *[""] * 25, species, breed])  # PID-35 and PID-36


def _in_words(message: Message) -> str:
    kind = "^".join(value(message, "MSH", 8).split("^")[:2])
    number = value(message, "ORC", 2).split("^")[0]
    images = observations(message).get("IMAGES_RECEIVED", "")
    words = f"{kind} {number}, ORC {value(message, 'ORC', 1)} {value(message, 'ORC', 5)}"
    return f"{words}, {images} image{'s' * (images != '1')}" if images else words
