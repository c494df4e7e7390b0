"""Stock pynetdicom as a storage server, for comparison: `python -m benchmarks.stock PORT FOLDER`.

Its handler writes the bytes of the data set as they came, behind a file head, and answers with success. All else is
pynetdicom's default, but for what every server here has: the same maximum PDU, and room for many associations.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydicom.filebase import DicomFileLike
from pydicom.filewriter import write_file_meta_info
from pynetdicom import AE, evt

from benchmarks.objects import KINDS
from benchmarks.scu import EXPLICIT_LITTLE, VERIFICATION
from benchmarks.servers import MAX_PDU, Server, free_port, running

AE_TITLE = "PYNETDICOM"
ASSOCIATIONS = 200
PREAMBLE = bytes(128) + b"DICM"


def handle_store(event: Any, folder: Path) -> int:
    """Write one object."""
    with (folder / f"{event.request.AffectedSOPInstanceUID}.dcm").open("wb") as file:
        file.write(PREAMBLE)
        write_file_meta_info(DicomFileLike(file), event.file_meta)
        file.write(event.request.DataSet.getbuffer())
    return 0x0000


def serve(port: int, folder: Path) -> None:
    """Serve until the process ends."""
    ae = AE(AE_TITLE)
    ae.maximum_pdu_size = MAX_PDU
    ae.maximum_associations = ASSOCIATIONS
    for uid in (VERIFICATION, *(kind.sop_class_uid for kind in KINDS)):
        ae.add_supported_context(uid, EXPLICIT_LITTLE)
    ae.start_server(("127.0.0.1", port), block=True, evt_handlers=[(evt.EVT_C_STORE, handle_store, [folder])])


@contextmanager
def pynetdicom(folder: Path) -> Iterator[Server]:
    """Run stock pynetdicom in a process of its own."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    arguments = [sys.executable, "-m", "benchmarks.stock", str(port), str(folder)]
    with running("pynetdicom", arguments, port, AE_TITLE) as server:
        yield server


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]))
