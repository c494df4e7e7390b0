"""What broken and hostile peers send within an association, each with its harmless neighbour."""

import struct
from contextlib import suppress
from pathlib import Path

import pytest

from dicom_gateway.storage.filesystem import FileSystem
from dicom_gateway.storage.objects import ObjectStore
from dicom_gateway.upperlayer.limits import DEFAULT_LIMITS, MAX_PDU_BYTES, PDU_SLACK_BYTES, Limits
from tests.dicom import wire
from tests.dicom.objects import image, keys
from tests.dicom.running import Running
from tests.upperlayer.attack import (
    COMMAND,
    COMMAND_END,
    DATA,
    DATA_END,
    ECHO,
    FIND,
    HTTP,
    STORE,
    Hostile,
    cut_off,
    echo_command,
    find_command,
    hostile,
    p_data,
    pdu,
    pdv,
    request_pdu,
    store_command,
    unasked_response,
)
from tests.upperlayer.conftest import SMALL, Serve

PROVIDER = 2
UNRECOGNIZED, UNEXPECTED, INVALID = 1, 2, 6
SMALL_CLASS = "1.2.840.10008.5.1.4.1.1.6.1"
A_COMMAND = p_data(pdv(ECHO, COMMAND_END, echo_command()))
A_STORE = p_data(pdv(STORE, COMMAND_END, store_command("1.2.3")))
A_FIND = p_data(pdv(FIND, COMMAND_END, find_command()))
LONGEST = MAX_PDU_BYTES + PDU_SLACK_BYTES


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(pdu(4, b"", 0xFFFFFFFF), INVALID, id="PDU of 4 GB"),
        pytest.param(pdu(5, b"", 0xFFFFFFFF), INVALID, id="release of 4 GB"),
        pytest.param(pdu(4, b"", LONGEST + 1), INVALID, id="PDU one byte too long"),
        pytest.param(pdu(4, b""), INVALID, id="PDU without a value"),
        pytest.param(p_data(b"\0\0\0"), INVALID, id="PDU shorter than the head of a value"),
        pytest.param(p_data(pdv(ECHO, COMMAND_END, b"", 0)), INVALID, id="value of length 0"),
        pytest.param(p_data(pdv(ECHO, COMMAND_END, b"", 1)), INVALID, id="value of length 1"),
        pytest.param(p_data(pdv(ECHO, COMMAND, b"abc", 6)), INVALID, id="value beyond its PDU"),
        pytest.param(p_data(pdv(ECHO, COMMAND, b"abc", 0xFFFFFFFF)), INVALID, id="value of 4 GB"),
        pytest.param(HTTP, UNRECOGNIZED, id="HTTP"),
        pytest.param(pdu(0, bytes(4)), UNRECOGNIZED, id="PDU of type 0"),
        pytest.param(pdu(8, bytes(4)), UNRECOGNIZED, id="PDU of type 8"),
        pytest.param(request_pdu(), UNEXPECTED, id="association within an association"),
        pytest.param(pdu(2, bytes(68)), UNEXPECTED, id="acceptance"),
        pytest.param(pdu(3, bytes(4)), UNEXPECTED, id="rejection"),
        pytest.param(pdu(6, bytes(4)), UNEXPECTED, id="answer to no release"),
        pytest.param(p_data(pdv(STORE, DATA, b"abc")), INVALID, id="data set without a command set"),
        pytest.param(A_COMMAND + p_data(pdv(ECHO, DATA, b"abc")), INVALID, id="data set behind a command without one"),
        pytest.param(A_STORE + p_data(pdv(STORE, DATA, b"abc")) + A_STORE, INVALID, id="command within a data set"),
        pytest.param(
            A_STORE + p_data(pdv(STORE, DATA, b"abc"), pdv(FIND, DATA, b"abc")), INVALID, id="data of two contexts"
        ),
        pytest.param(
            p_data(pdv(ECHO, COMMAND, echo_command()[:9]), pdv(STORE, COMMAND_END, echo_command()[9:])),
            INVALID, id="command set of two contexts",
        ),
        pytest.param(A_STORE + A_COMMAND, INVALID, id="command of one context within the data of another"),
        pytest.param(p_data(pdv(7, COMMAND_END, echo_command())), INVALID, id="context that was not accepted"),
        pytest.param(p_data(pdv(0, COMMAND_END, echo_command())), INVALID, id="context 0"),
        pytest.param(p_data(pdv(ECHO, COMMAND_END, b"abc")), INVALID, id="command set that is none"),
        pytest.param(p_data(pdv(ECHO, COMMAND_END)), INVALID, id="empty command set"),
        pytest.param(p_data(pdv(ECHO, COMMAND_END, echo_command(CommandField=0x7777))), INVALID, id="unknown command"),
    ],
)  # fmt: skip
def test_what_the_protocol_does_not_allow_is_aborted(gateway: Running, data: bytes, reason: int) -> None:
    with cut_off(hostile(gateway.port)) as association:
        assert isinstance(association, Hostile)
        association.sendall(data)
        assert association.end() == (PROVIDER, reason)
    with hostile(gateway.port) as neighbour:
        assert neighbour.echo() == 0x0000


def echoes(count: int, size: int, in_one_pdu: bool) -> bytes:
    """Return C-ECHO requests in fragments of `size` bytes, each in a PDU of its own or all of a message in one."""
    result = b""
    for number in range(count):
        command = echo_command(MessageID=number + 1)
        parts = [
            pdv(ECHO, COMMAND_END if at + size >= len(command) else COMMAND, command[at : at + size])
            for at in range(0, len(command), size)
        ]
        result += p_data(*parts) if in_one_pdu else b"".join(map(p_data, parts))
    return result


COMMAND_SET = echo_command()
LONG_COMMAND = echo_command(ErrorComment=b"x" * (SMALL.command_bytes - len(COMMAND_SET) - 8))


@pytest.mark.parametrize(
    ("data", "answers"),
    [
        pytest.param(echoes(2, 1, in_one_pdu=True), 2, id="fragments of one byte in one PDU"),
        pytest.param(echoes(2, 1, in_one_pdu=False), 2, id="PDUs of one byte"),
        pytest.param(p_data(pdv(ECHO, COMMAND, COMMAND_SET), pdv(ECHO, COMMAND_END)), 1, id="last fragment is empty"),
        pytest.param(p_data(pdv(ECHO, COMMAND)) + A_COMMAND, 1, id="first fragment is empty"),
        pytest.param(p_data(*[pdv(ECHO, COMMAND)] * 5000) + A_COMMAND, 1, id="many empty fragments"),
        pytest.param(p_data(pdv(ECHO, 0xFF, COMMAND_SET)), 1, id="reserved bits of the control header"),
        pytest.param(b"\x04\xff" + A_COMMAND[2:], 1, id="reserved byte of the PDU"),
        pytest.param(p_data(pdv(ECHO, COMMAND_END, LONG_COMMAND)), 1, id="longest command set"),
        pytest.param(p_data(*[pdv(ECHO, COMMAND_END, COMMAND_SET)] * 9), 9, id="several messages in one PDU"),
        pytest.param(
            p_data(pdv(ECHO, COMMAND_END, unasked_response())) + A_COMMAND,
            1,
            id="behind a response nobody asked for",
        ),
        pytest.param(A_COMMAND * 3 + pdu(5, bytes(4)), 3, id="a release right behind"),
    ],
)
def test_what_the_protocol_allows_is_answered(gateway: Running, data: bytes, answers: int) -> None:
    with hostile(gateway.port) as association:
        association.sendall(data)
        assert [association.receive().status for _ in range(answers)] == [0x0000] * answers
        if data.endswith(pdu(5, bytes(4))):
            assert association.read_pdu()[0] == 6
            association.socket.close()


def pdus_of(data: bytes, size: int, last: bytes = b"") -> bytes:
    """Return a data set in PDUs of one fragment each, then `last`."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    ends = [DATA] * len(pieces) if last else [DATA] * (len(pieces) - 1) + [DATA_END]
    return b"".join(p_data(pdv(STORE, end, piece)) for end, piece in zip(ends, pieces, strict=True)) + last


@pytest.mark.parametrize(
    ("size", "last"),
    [
        pytest.param(1, b"", id="PDUs of one byte"),
        pytest.param(7, p_data(pdv(STORE, DATA_END)), id="last fragment is empty"),
        pytest.param(100, p_data(pdv(STORE, DATA), pdv(STORE, DATA), pdv(STORE, DATA_END)), id="empty fragments"),
        pytest.param(LONGEST - 6, b"", id="PDUs as long as they may be"),
    ],
)
def test_an_object_in_any_fragments_is_kept(gateway: Running, size: int, last: bytes) -> None:
    made = image(Rows=350, Columns=350, PixelData=bytes(2 * 350 * 350))
    if size < 100:
        made = image()
    data = wire.encode(made)
    with hostile(gateway.port) as association:
        association.sendall(p_data(pdv(STORE, COMMAND_END, store_command(made.SOPInstanceUID))))
        association.sendall(pdus_of(data, size, last))
        assert association.receive().status == 0x0000
        assert association.echo() == 0x0000
    assert gateway.data_of(gateway.instances(made)[0]) == data


# Limits of a message.


@pytest.mark.parametrize(
    ("begin", "again"),
    [
        pytest.param(b"", p_data(pdv(ECHO, COMMAND, bytes(1000))), id="command set"),
        pytest.param(A_FIND, p_data(pdv(FIND, DATA, bytes(3000))), id="identifier"),
        pytest.param(A_STORE, p_data(pdv(STORE, DATA, bytes(50_000))), id="object"),
        pytest.param(
            p_data(pdv(STORE, COMMAND_END, store_command("1.2.3", AffectedSOPClassUID=SMALL_CLASS))),
            p_data(pdv(STORE, DATA, bytes(300))), id="object of a class with a limit of its own",
        ),
    ],
)  # fmt: skip
def test_what_does_not_end_is_aborted_at_its_limit(gateway: Running, begin: bytes, again: bytes) -> None:
    before = gateway.files() | gateway.files("quarantine")
    with cut_off(hostile(gateway.port)) as association:
        assert isinstance(association, Hostile)
        association.sendall(begin)
        with suppress(ConnectionError):
            for _ in range(20):
                association.sendall(again)
        assert association.end() == (PROVIDER, 0)
    assert gateway.files() | gateway.files("quarantine") == before


def test_an_object_of_just_its_limit_is_kept(gateway: Running) -> None:
    made = image(PixelData=b"")
    made.PixelData = bytes(SMALL.object_bytes - len(wire.encode(made)))
    data = wire.encode(made)
    assert len(data) == SMALL.object_bytes
    assert gateway.store(data, AffectedSOPInstanceUID=made.SOPInstanceUID).status == 0x0000
    assert gateway.data_of(gateway.instances(made)[0]) == data


def test_an_identifier_of_just_its_limit_is_answered(gateway: Running) -> None:
    """One byte more is not."""
    asked = keys(PatientComments="")
    room = SMALL.identifier_bytes - len(wire.encode(asked))
    asked.PatientComments = "x" * (room - room % 2)
    assert gateway.find(asked).statuses == [0x0000]
    with pytest.raises(ConnectionError):
        gateway.find(wire.encode(asked) + bytes(3))


def test_messages_of_all_associations_fit_into_memory() -> None:
    """Half a message is kept in memory, an object in its spool file."""
    limits = DEFAULT_LIMITS
    assert limits.associations * (limits.identifier_bytes + limits.command_bytes) <= 512 << 20


@pytest.mark.parametrize(
    ("elements", "status"), [pytest.param(5_000, 0x0000, id="many"), pytest.param(30_000, 0xC000, id="too many")]
)
def test_an_identifier_is_parsed_only_when_it_has_few_elements(serve: Serve, elements: int, status: int) -> None:
    """Parsed, an element is fifty times as large as it comes: 4 MB of them were 200 MB and 20 seconds."""
    asked = wire.encode(keys(PatientName="Nobody"))
    private = b"".join(struct.pack("<HH2sH", 0x0041, 0x1000 + n, b"LO", 0) for n in range(elements))
    assert serve(Limits()).find(asked + private).statuses == [status]


class FillingDisk(FileSystem):
    """A disk with so many bytes left, of which none may be written beyond `least`."""

    def __init__(self, free: int) -> None:
        self.free = free

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """Write, and have less left."""
        written = super().write(descriptor, data)
        self.free -= written
        return written

    def free_bytes(self, path: object) -> int:
        """Return what is left."""
        return self.free


@pytest.mark.parametrize(
    ("size", "status"), [pytest.param(40 << 20, 0xA700, id="too large"), pytest.param(4 << 20, 0, id="fits")]
)
def test_an_object_without_end_leaves_the_reserve_of_the_disk(
    serve: Serve, tmp_path: Path, size: int, status: int
) -> None:
    """Its length is not known when it begins."""
    reserve, counter = 64 << 20, iter(range(1, 1 << 20))
    disk = FillingDisk(reserve + (8 << 20))
    root = tmp_path / "data"
    store = ObjectStore(root, reserve, lambda bits: next(counter), disk)
    gateway, made = serve(Limits(), objects=store), image(Rows=8, Columns=8, PixelData=bytes(size))
    try:
        assert gateway.store(made).status == status
        assert disk.free >= reserve - (24 << 20)
    finally:
        store.close()
