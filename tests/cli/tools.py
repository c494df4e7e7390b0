"""What the tests of the tools share: files to send, DCMTK's programs as peers, and a command's answer as JSON."""

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import generate_uid

from tests.e2e.program import Program, free_port, wait_for
from tests.peers import dcmtk, need

DX = "1.2.840.10008.5.1.4.1.1.1.1"
EXPLICIT, RLE = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5"


def write_object(path: Path, sop_class: str = DX, syntax: str = EXPLICIT, **values: object) -> Dataset:
    """Write a small object without pixels, with `values` in its data set."""
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = sop_class, generate_uid()
    made.StudyInstanceUID, made.SeriesInstanceUID = "1.2.3.4", "1.2.3.4.1"
    made.PatientID, made.PatientName, made.Modality = "P-1", "Doe^Rex", "DX"
    for keyword, value in values.items():
        setattr(made, keyword, value)
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    path.parent.mkdir(parents=True, exist_ok=True)
    # Most compressed syntaxes write as explicit little endian, and there are no pixels to encode.
    dcmwrite(path, made, implicit_vr=syntax == "1.2.840.10008.1.2", little_endian=True, enforce_file_format=True)
    return made


def data_set_bytes(path: Path) -> bytes:
    """Return what stands behind preamble and file meta information."""
    data = path.read_bytes()
    length = int.from_bytes(data[140:144], "little")  # (0002,0000), 4 bytes behind 128 + 4 + 8
    return data[144 + length :]


@contextmanager
def dcmtk_server(program: str, *arguments: str) -> Iterator[int]:
    """Run one of DCMTK's servers on a free port, which stands behind the other arguments."""
    port = free_port()
    command = [need(program, "dcmtk"), *arguments, str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: dcmtk("echoscu", "127.0.0.1", str(port)).returncode == 0 or _listens(port), what=program)
            yield port
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def silent_server(answers: bool = False) -> Iterator[int]:
    """A port that takes connections and says nothing; or (`answers`) closes them at once."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        held: list[socket.socket] = []

        def accept() -> None:
            while True:
                try:
                    taken, _ = listening.accept()
                except OSError:
                    return
                if answers:
                    taken.close()
                else:
                    held.append(taken)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for taken in held:
            taken.close()


def run(program: Program, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command of the program in this process, however it ends."""
    return program.inside(*arguments, check=False, text=text)


def said(program: Program, *arguments: str, code: int = 0, text: str | None = None) -> str:
    """Run a command; return its standard output, or standard error when it is to fail with `code`."""
    done = run(program, *arguments, text=text)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


def answer(program: Program, *arguments: str, code: int = 0) -> Any:
    """Run a command with --json; return what it printed."""
    done = run(program, *arguments, "--json")
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)
