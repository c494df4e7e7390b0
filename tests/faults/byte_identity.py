"""Objects of random sizes in random fragments, from four implementations: what is stored is what was sent.

Told by an independent reader, which knows sqlite3 and hashlib. dcmjs-dimse encodes what it reads anew, and tells the
hash of what it sends; the others send the data set of a file as it is.
"""

import hashlib
import random
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, build_context

from tests.dicom import wire
from tests.dicom.objects import image
from tests.e2e.program import Program
from tests.peers import dcmjs, dcmtk
from tests.upperlayer.attack import (
    COMMAND,
    COMMAND_END,
    DATA,
    DATA_END,
    DX_IMAGE,
    PROPOSALS,
    STORE,
    p_data,
    pdv,
    store_command,
)  # fmt: skip

PORTION = 10  # objects of one association, or of one run of a program
AT_ONCE = 4  # associations of the wire client that one thread interleaves; portions that are sent at once
FRAGMENTS = (1, 2, 7, 97, 1_018, 16_378, 65_530, 131_066)
FEW_BYTES = 3_000  # for fragments of a byte or two
LOST_SECONDS, MOST_LOST = 30, 5
PDU_BYTES = (4_096, 8_192, 16_384, 65_536, 131_072)  # what DCMTK takes as options


@dataclass(frozen=True, slots=True)
class SentObject:
    """An object: its file, the bytes of its data set."""

    uid: str
    path: Path
    data: bytes


class Sender:
    """Makes objects and sends them. `seed` decides all sizes, fragments and the order."""

    def __init__(self, gateway: Program, folder: Path, most_bytes: int, seed: int) -> None:
        self._gateway = gateway
        self._folder = folder
        self._most_bytes = most_bytes
        self._random = random.Random(seed)
        self.sent: dict[str, str] = {}  # UID -> SHA-256 of the data set

    def send(self, count: int) -> None:
        """Send `count` objects, by each implementation in turn, several at once; AssertionError when one is refused."""
        portions = [min(PORTION, count - at) for at in range(0, count, PORTION)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            pending = []
            for n, size in enumerate(portions):
                by = WAYS[n % len(WAYS)]
                chance = random.Random(self._random.random())
                pending.append(pool.submit(by, self, self._make(size, chance), chance))
            for done in pending:
                done.result()

    @property
    def port(self) -> int:
        """Where the gateway listens."""
        return self._gateway.dicom_port

    def _make(self, count: int, chance: random.Random) -> list[SentObject]:
        """Return new objects, each written as a file."""
        return [self._object(chance) for _ in range(count)]

    def _object(self, chance: random.Random) -> SentObject:
        most = int(self._most_bytes ** chance.random())  # as many small ones as large ones
        made = image(PixelData=chance.randbytes(most & ~1), Rows=chance.randrange(1, 600), Columns=max(1, most // 512))
        made.file_meta = FileMetaDataset()
        made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = self._folder / f"{made.SOPInstanceUID}.dcm"
        made.save_as(path, enforce_file_format=True)
        return SentObject(str(made.SOPInstanceUID), path, wire.encode(made))

    def took(self, objects: Sequence[SentObject]) -> None:
        """Note that objects were stored; their files are needed no more."""
        for one in objects:
            assert one.path.read_bytes().endswith(one.data)
            self.sent[one.uid] = hashlib.sha256(one.data).hexdigest()
            one.path.unlink()

    def check(self) -> None:
        """Compare with what is stored: one row an object, the index's hash and the file's bytes."""
        with closing(sqlite3.connect(self._gateway.data / "gateway.db")) as database:
            rows = database.execute(
                "SELECT sop_instance_uid, object_name, data_offset, data_length, sha256 FROM instance"
            ).fetchall()
        assert sorted(uid for uid, *_ in rows) == sorted(self.sent)
        for uid, name, offset, length, sha256 in rows:
            data = (self._gateway.data / name).read_bytes()
            assert len(data) == offset + length
            assert hashlib.sha256(data[offset:]).hexdigest() == sha256 == self.sent[uid]
        files = [path for path in (self._gateway.data / "objects").rglob("*") if path.is_file()]
        assert len(files) == len(rows)


def _fragments(one: SentObject, chance: random.Random) -> Iterator[bytes]:
    """Yield a C-STORE as PDUs: fragments of one size or of any, one or several to a PDU, empty ones between."""
    sizes = [size for size in FRAGMENTS if size > 2 or len(one.data) <= FEW_BYTES]
    fixed = chance.choice([*sizes, 0])
    for whole, part, end in ((store_command(one.uid), COMMAND, COMMAND_END), (one.data, DATA, DATA_END)):
        at, values = 0, list[bytes]()
        while at < len(whole):
            size = fixed or chance.choice(sizes)
            is_last = at + size >= len(whole)
            values.append(pdv(STORE, end if is_last else part, whole[at : at + size]))
            at += size
            if sum(map(len, values)) + 131_072 > 131_000 and size > 60_000 or chance.random() < 0.3 or is_last:
                yield from _packed(values)
                values = []
            elif chance.random() < 0.1:
                values.append(pdv(STORE, part))


def _packed(values: list[bytes]) -> Iterator[bytes]:
    """Yield presentation data values as PDUs, none longer than the gateway takes."""
    room, held = 131_072, list[bytes]()
    for value in values:
        if sum(map(len, held)) + len(value) > room:
            yield p_data(*held)
            held = []
        held.append(value)
    if held:
        yield p_data(*held)


def by_wire(sender: Sender, objects: list[SentObject], chance: random.Random) -> None:
    """Send over several associations, a piece of one, then of another; pieces end anywhere in a PDU."""
    with ExitStack() as stack:
        open_ = [stack.enter_context(wire.Association(sender.port, PROPOSALS)) for _ in range(AT_ONCE)]
        streams = [_pieces(objects[n::AT_ONCE], association, chance) for n, association in enumerate(open_)]
        while streams:
            stream = chance.choice(streams)
            if next(stream, None) is None:
                streams.remove(stream)
    sender.took(objects)


def _pieces(
    objects: Sequence[SentObject], association: wire.Association, chance: random.Random
) -> Iterator[wire.Association]:
    for one in objects:
        whole = b"".join(_fragments(one, chance))
        at = 0
        while at < len(whole):
            size = chance.choice((1, 5, 100, 5_000, 200_000))
            association.socket.sendall(whole[at : at + size])
            at += size
            yield association
            if size < 100 and chance.random() < 0.5:
                association.socket.sendall(whole[at : at + 300_000])
                at += 300_000
        assert association.receive().status == 0x0000


def by_dcmtk(sender: Sender, objects: list[SentObject], chance: random.Random) -> None:
    """Send with storescu."""
    sizes = [option for name in ("--max-pdu", "--max-send-pdu") for option in (name, str(chance.choice(PDU_BYTES)))]
    files = [str(one.path) for one in objects]
    done = dcmtk("storescu", "-v", "-aet", "DX1", *sizes, "127.0.0.1", str(sender.port), *files, timeout=300)
    assert done.returncode == 0, done.stderr
    sender.took(objects)


def by_pynetdicom(sender: Sender, objects: list[SentObject], chance: random.Random) -> None:
    """Send with pynetdicom. Its two threads race for a response that comes at once; one that is lost is asked again."""
    ae = AE("DX1")
    ae.network_timeout = None  # it counts from the last answer on, however much it is sending
    ae.dimse_timeout = LOST_SECONDS
    contexts, left = [build_context(DX_IMAGE, ExplicitVRLittleEndian)], list(objects)
    for _ in range(MOST_LOST):
        association = ae.associate("127.0.0.1", sender.port, contexts, max_pdu=chance.choice(PDU_BYTES))
        assert association.is_established
        while left and (status := association.send_c_store(dcmread(left[0].path)).get("Status")) is not None:
            assert status == 0x0000
            left.pop(0)
        association.release()
        if not left:
            break
    assert not left
    sender.took(objects)


def by_dcmjs(sender: Sender, objects: list[SentObject], chance: random.Random) -> None:
    """Send with dcmjs-dimse."""
    done = dcmjs(sender.port, "DX1", "send", [str(one.path) for one in objects], timeout=300)
    assert [one["status"] for one in done] == [0x0000] * len(objects)
    sender.took(objects)
    sender.sent.update((one["uid"], one["sha256"]) for one in done)


WAYS: tuple[Callable[[Sender, list[SentObject], random.Random], None], ...] = (
    by_wire, by_dcmtk, by_pynetdicom, by_dcmjs,
)  # fmt: skip


def identity_run(gateway: Program, folder: Path, count: int, most_bytes: int = 3 << 20, seed: int = 1) -> Sender:
    """Send `count` objects to a running program and check each; return what was sent."""
    sender = Sender(gateway, folder, most_bytes, seed)
    sender.send(count)
    sender.check()
    return sender
