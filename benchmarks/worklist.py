"""Modality Worklist C-FIND against DCMTK's wlmscpfs: 10,000 orders, the day of one device asked for, in one run.

Both servers hold the same orders and get the same queries in turn; every answer is compared, order by order, before a
figure is printed. `python -m benchmarks.worklist`
"""

import io
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian
from pynetdicom.dsutils import encode

from benchmarks.figures import median, number, percentile, table
from benchmarks.machine import description
from benchmarks.scu import WORKLIST_FIND, Association
from benchmarks.servers import Server, gateway, make_gateway, program, wlmscpfs

ORDERS = 10_000
DAYS, DEVICES = 50, 10
ROUNDS = 7
# queries a round: the slower server is asked less often, so that a round stays short
FINDS = {"gateway": 200, "wlmscpfs": 10}
ASSOCIATIONS = {"gateway": 25, "wlmscpfs": 5}
FIRST_DAY = date(2030, 1, 7)
UID_ROOT = "1.2.826.0.1.3680043.8.498.77"


@dataclass(frozen=True, slots=True)
class Scheduled:
    """One order with one step."""

    number: int

    @property
    def start(self) -> datetime:
        """Days go round first, then devices, then a quarter of an hour later each."""
        day = FIRST_DAY + timedelta(days=self.number % DAYS)
        minutes = 15 * (self.number // (DAYS * DEVICES))
        return datetime(day.year, day.month, day.day, 8) + timedelta(minutes=minutes)

    @property
    def station(self) -> str:
        return f"DX{self.number // DAYS % DEVICES}"

    @property
    def accession_number(self) -> str:
        return f"A{self.number:08}"

    @property
    def patient(self) -> tuple[str, str]:
        return f"P{self.number:06}", f"Family{self.number % 997}^Given{self.number}"

    @property
    def study_instance_uid(self) -> str:
        return f"{UID_ROOT}.{self.number + 1}"


def order_document(one: Scheduled) -> dict[str, object]:
    """Return the order as the gateway takes it."""
    patient_id, name = one.patient
    step = {
        "id": f"S{one.number:07}",
        "modality": "DX",
        "station_ae_titles": [one.station],
        "start": one.start.isoformat(),
        "description": "Thorax 2 views",
        "performer": "Roe^Ann",
    }
    return {
        "source": "benchmark",
        "placer_order_number": f"N{one.number}",
        "referring_physician": "Doe^Jane",
        "accession_number": one.accession_number,
        "patient": {"id": patient_id, "name": name, "birth_date": "1980-05-01", "sex": "F"},
        "procedures": [
            {
                "id": f"R{one.number:07}",
                "description": "Thorax 2 views",
                "study_instance_uid": one.study_instance_uid,
                "steps": [step],
            }
        ],
    }


def worklist_file(one: Scheduled) -> Dataset:
    """Return the same order as a file that wlmscpfs serves."""
    step = Dataset()
    step.Modality = "DX"
    step.ScheduledStationAETitle = one.station
    step.ScheduledProcedureStepStartDate = one.start.strftime("%Y%m%d")
    step.ScheduledProcedureStepStartTime = one.start.strftime("%H%M%S")
    step.ScheduledPerformingPhysicianName = "Roe^Ann"
    step.ScheduledProcedureStepDescription = "Thorax 2 views"
    step.ScheduledProcedureStepID = f"S{one.number:07}"
    found = Dataset()
    found.PatientID, found.PatientName = one.patient
    found.PatientBirthDate, found.PatientSex = "19800501", "F"
    found.AccessionNumber = one.accession_number
    found.ReferringPhysicianName = "Doe^Jane"
    found.StudyInstanceUID = one.study_instance_uid
    found.RequestedProcedureID = f"R{one.number:07}"
    found.RequestedProcedureDescription = "Thorax 2 views"
    found.ScheduledProcedureStepSequence = Sequence([step])
    found.file_meta = FileMetaDataset()
    found.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    found.file_meta.MediaStorageSOPClassUID = UID(WORKLIST_FIND)
    found.file_meta.MediaStorageSOPInstanceUID = UID(one.study_instance_uid)
    return found


def identifier(number_of_query: int) -> bytes:
    """Return the encoded query of a device: its own AE title, one day, and the keys that devices ask for."""
    which = Scheduled(number_of_query * 37 % (DAYS * DEVICES))
    step = Dataset()
    step.ScheduledStationAETitle = which.station
    step.ScheduledProcedureStepStartDate = which.start.strftime("%Y%m%d")
    for keyword in (
        "ScheduledProcedureStepStartTime",
        "Modality",
        "ScheduledPerformingPhysicianName",
        "ScheduledProcedureStepDescription",
        "ScheduledProcedureStepID",
    ):
        setattr(step, keyword, "")
    keys = Dataset()
    for keyword in (
        "AccessionNumber",
        "ReferringPhysicianName",
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
        "StudyInstanceUID",
        "RequestedProcedureDescription",
        "RequestedProcedureID",
    ):
        setattr(keys, keyword, "")
    keys.ScheduledProcedureStepSequence = Sequence([step])
    encoded = encode(keys, is_implicit_vr=False, is_little_endian=True)
    assert encoded is not None
    return encoded


def write_orders(folder: Path, number_of_orders: int) -> None:
    """Write the same orders for both servers: orders.jsonl, and wl/BENCHMARK/*.wl with the lock file."""
    peers = folder / "wl" / "BENCHMARK"
    peers.mkdir(parents=True)
    (peers / "lockfile").touch()
    with open(folder / "orders.jsonl", "w", encoding="utf-8") as lines:
        for number_of_order in range(number_of_orders):
            one = Scheduled(number_of_order)
            lines.write(json.dumps(order_document(one)) + "\n")
            worklist_file(one).save_as(peers / f"{number_of_order:06}.wl", enforce_file_format=True)


def served(answers: list[bytes]) -> set[tuple[str, ...]]:
    """Return what a worklist would show of each answer."""
    rows = set()
    for encoded in answers:
        answer = dcmread(io.BytesIO(encoded), force=True)
        step = answer.ScheduledProcedureStepSequence[0]
        values = (
            *(answer.AccessionNumber, answer.PatientID, answer.PatientName, answer.PatientBirthDate),
            *(answer.PatientSex, answer.StudyInstanceUID, answer.RequestedProcedureID),
            *(answer.RequestedProcedureDescription, answer.ReferringPhysicianName),
            *(step.ScheduledStationAETitle, step.ScheduledProcedureStepStartDate),
            *(step.ScheduledProcedureStepStartTime, step.Modality, step.ScheduledProcedureStepID),
        )
        rows.add(tuple(map(str, values)))
    return rows


def check_same_answers(servers: list[Server], queries: int = 5) -> int:
    """Return how many answers a query has (the mean); raises RuntimeError when servers answer differently."""
    total = 0
    for number_of_query in range(queries):
        found = {server.name: _ask(server, number_of_query) for server in servers}
        rows = {name: served(answers) for name, answers in found.items()}
        first = next(iter(rows.values()))
        if not first or any(one != first for one in rows.values()):
            raise RuntimeError(f"different answers: { ({name: len(one) for name, one in rows.items()}) }")
        total += len(first)
    return total // queries


def _ask(server: Server, number_of_query: int) -> list[bytes]:
    association = Association(server.port, server.ae_title, WORKLIST_FIND)
    answers = association.find(identifier(number_of_query))
    association.release()
    return answers


def on_one_association(server: Server, first_query: int) -> Iterator[float]:
    """Yield the seconds of each C-FIND on one association."""
    association = Association(server.port, server.ae_title, WORKLIST_FIND)
    for number_of_query in range(first_query, first_query + FINDS[server.name]):
        query = identifier(number_of_query)
        before = time.perf_counter()
        association.find(query)
        yield time.perf_counter() - before
    association.release()


def with_association(server: Server, first_query: int) -> Iterator[float]:
    """Yield the seconds of each associate + C-FIND + release."""
    for number_of_query in range(first_query, first_query + ASSOCIATIONS[server.name]):
        query = identifier(number_of_query)
        before = time.perf_counter()
        association = Association(server.port, server.ae_title, WORKLIST_FIND)
        association.find(query)
        association.release()
        yield time.perf_counter() - before


WAYS: dict[str, Callable[[Server, int], Iterator[float]]] = {
    "C-FIND on one association": on_one_association,
    "associate + C-FIND + release": with_association,
}


def measure(servers: list[Server]) -> dict[tuple[str, str], list[float]]:
    """Return the milliseconds by way and server, the servers taking turns."""
    found: dict[tuple[str, str], list[float]] = {(way, server.name): [] for way in WAYS for server in servers}
    for round_number in range(ROUNDS):
        for way, run in WAYS.items():
            for server in servers if round_number % 2 else reversed(servers):
                found[way, server.name] += [1000 * seconds for seconds in run(server, 1000 * round_number)]
    return found


def report(found: dict[tuple[str, str], list[float]], answers: int) -> str:
    """Return the figures as Markdown."""
    rows = []
    for way in WAYS:
        ours, theirs = found[way, "gateway"], found.get((way, "wlmscpfs"))
        row = [way, number(median(ours)), number(percentile(ours, 99)), str(len(ours))]
        if theirs:
            row += [number(median(theirs)), number(percentile(theirs, 99)), str(len(theirs))]
            row += [f"**{median(theirs) / median(ours):.0f}x**"]
        else:
            row += ["not installed"] * 3 + ["-"]
        rows.append(row)
    header = ["ms", "gateway p50", "p99", "n", "wlmscpfs p50", "p99", "n", "faster at p50"]
    return f"{ORDERS:,} orders, {answers} answers a query, {ROUNDS} rounds in turn.\n\n{table(header, rows)}"


def run() -> str:
    """Run the benchmark and return its report."""
    machine = description()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name, ExitStack() as stack:
        folder = Path(name)
        write_orders(folder, ORDERS)
        make_gateway(folder / "gateway", folder / "orders.jsonl")
        servers = [stack.enter_context(gateway(folder / "gateway"))]
        if program("wlmscpfs"):
            servers.append(stack.enter_context(wlmscpfs(folder / "wl")))
        else:
            print("SKIPPED: wlmscpfs is not installed (package dcmtk)", file=sys.stderr)
        answers = check_same_answers(servers)
        return f"{machine}\n\n{report(measure(servers), answers)}"


if __name__ == "__main__":
    print(run())
