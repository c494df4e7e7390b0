"""What the kernel sees of one C-STORE: sync of the file, rename, sync of the folder, commit, then the answer."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydicom.uid import generate_uid

from tests.e2e.images import write_image
from tests.e2e.program import COMMAND, START_SECONDS, Program, wait_for
from tests.peers import dcmtk, missing, need

CALLS = "fsync,fdatasync,rename,renameat,renameat2,sendto,sendmsg,write,writev,pwrite64"
RELEASED = r'sendto\(\d+<TCP:\S+, .*"\\6\\0'  # an A-RELEASE-RP PDU (PS3.8 9.3.7)
# In the order in which they must come; each the return of a call, or its beginning for the answer.
STEPS = (
    ("sync of the file", r"fsync\(\d+<\S+/spool/\w+/\w+\.part>\) = 0$"),
    ("rename", r'rename\w*\(.*/spool/.*\.part", .*/objects/\w\w/\w+\.dcm"\S*\) = 0$'),
    ("sync of the folder", r"fsync\(\d+<\S+/objects/\w\w>\) = 0$"),
    ("last write of the log", r"pwrite64\(\d+<\S+/gateway\.db-wal>.* = \d+$"),
    ("commit", r"f(data)?sync\(\d+<\S+/gateway\.db-wal>\) = 0$"),
    ("answer", r'(sendto|sendmsg|write|writev)\(\d+<TCP:\S+, .*"\\4\\0'),  # a P-DATA-TF PDU (PS3.8 9.3.5)
)


@contextmanager
def traced(gateway: Program, trace: Path) -> Iterator[None]:
    """Run the dicom role under strace."""
    command = [need("strace", "strace"), "-f", "-yy", "-s", "8", "-o", str(trace), "-e", f"trace={CALLS}"]
    role = [*COMMAND, "--config", str(gateway.config), "serve", "--role", "dicom"]
    with open(gateway.log, "ab") as log:
        process = subprocess.Popen([*command, *role], env=gateway.environment, stdout=log, stderr=log)
    try:
        wait_for(lambda: process.poll() is not None or echoes(gateway), START_SECONDS, gateway.log.read_text())
        if process.poll() is not None:
            missing(f"the right to trace a process ({gateway.log.read_text().strip()})")
        yield
    finally:
        if process.poll() is None:
            for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
                os.kill(int(pid), signal.SIGTERM)
        process.wait(START_SECONDS)


def echoes(gateway: Program) -> bool:
    """Say whether the role answers a C-ECHO."""
    return dcmtk("echoscu", "127.0.0.1", str(gateway.dicom_port)).returncode == 0


def lines(trace: Path) -> list[str]:
    """Return the calls without their process, an interrupted one as a whole at the place where it returned.

    One that sends stands where it began: it must not even begin too soon.
    """
    begun: dict[str, str] = {}
    found = []
    for line in trace.read_text(errors="replace").splitlines():
        process, text = line.split(None, 1)
        if text.endswith("<unfinished ...>"):
            begun[process] = text.removesuffix("<unfinished ...>").rstrip()
            if not text.startswith(("f", "rename")):
                found.append(text)
        elif resumed := re.match(r"<\.\.\. \w+ resumed>", text):
            found.append(begun.pop(process) + text[resumed.end() :])
        else:
            found.append(text)
    return [re.sub(r"\) += ", ") = ", text) for text in found]


def test_an_image_is_answered_after_everything_is_durable(tmp_path: Path) -> None:
    gateway = Program(tmp_path / "gateway", "", {})
    trace = tmp_path / "trace"
    with traced(gateway, trace):
        path, _ = write_image(tmp_path, str(generate_uid()), "P-1", 1, rows=64, columns=64)
        assert dcmtk("storescu", "127.0.0.1", str(gateway.dicom_port), str(path)).returncode == 0
    calls = lines(trace)
    start = next(number for number, call in enumerate(calls) if ".part>" in call)
    end = next(number for number in range(start, len(calls)) if re.search(RELEASED, calls[number]))
    places = []
    for step, pattern in STEPS:
        at = [number for number in range(start, end) if re.search(pattern, calls[number])]
        assert at, f"no {step}:\n" + "\n".join(calls[start:])
        # The log is written and synced once before, when it begins.
        places.append((at[-1] if step in {"commit", "last write of the log"} else at[0], step))
    assert [step for _, step in sorted(places)] == [step for step, _ in STEPS], "\n".join(calls[start:])
