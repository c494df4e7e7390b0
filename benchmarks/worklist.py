"""Modality Worklist C-FIND: against DCMTK's wlmscpfs with 10,000 orders, and the gateway alone with up to 1,000,000.

Both servers hold the same orders and get the same queries in turn; every answer is compared, order by order, before a
figure is printed. `python -m benchmarks.worklist`
"""

import io
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from pydicom import dcmread

from benchmarks.figures import median, number, percentile, table
from benchmarks.machine import description
from benchmarks.orders import Scheduled, identifier, of_a_device, put_orders, write_files
from benchmarks.scu import WORKLIST_FIND, Association
from benchmarks.servers import DATABASE, Server, gateway, make_gateway, program, wlmscpfs

ORDERS = 10_000
SIZES = (ORDERS, 100_000, 1_000_000)
ROUNDS = 7
# queries a round: the slower server is asked less often, so that a round stays short
FINDS = {"gateway": 200, "wlmscpfs": 10}
ASSOCIATIONS = {"gateway": 25, "wlmscpfs": 5}
NEW_QUERIES, KNOWN_QUERIES, REPEATS = 500, 100, 10
OF_EACH_SHAPE = 10
TOO_MANY = 0xA700


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
    answers = association.find(of_a_device(number_of_query, ORDERS))
    association.release()
    return answers


def on_one_association(server: Server, first_query: int) -> Iterator[float]:
    """Yield the seconds of each C-FIND on one association."""
    association = Association(server.port, server.ae_title, WORKLIST_FIND)
    for number_of_query in range(first_query, first_query + FINDS[server.name]):
        query = of_a_device(number_of_query, ORDERS)
        before = time.perf_counter()
        association.find(query)
        yield time.perf_counter() - before
    association.release()


def with_association(server: Server, first_query: int) -> Iterator[float]:
    """Yield the seconds of each associate + C-FIND + release."""
    for number_of_query in range(first_query, first_query + ASSOCIATIONS[server.name]):
        query = of_a_device(number_of_query, ORDERS)
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


def with_size(server: Server, orders: int) -> tuple[list[float], list[float]]:
    """Return the milliseconds of queries that a service which has just started was never asked, and of some of them
    asked again and again; its cache is empty at first."""
    association = Association(server.port, server.ae_title, WORKLIST_FIND)
    queries = [of_a_device(number_of_query, orders) for number_of_query in range(NEW_QUERIES)]
    new = [_timed(association, query) for query in queries]
    known = [_timed(association, query) for _ in range(REPEATS) for query in queries[:KNOWN_QUERIES]]
    association.release()
    return new, known


def _timed(association: Association, query: bytes) -> float:
    before = time.perf_counter()
    association.find(query)
    return 1000 * (time.perf_counter() - before)


SHAPES: dict[str, Callable[[Scheduled], dict[str, str]]] = {
    "one modality, one day": lambda one: {
        "Modality": "DX",
        "ScheduledProcedureStepStartDate": one.start.strftime("%Y%m%d"),
    },
    "one day": lambda one: {"ScheduledProcedureStepStartDate": one.start.strftime("%Y%m%d")},
    "patient ID": lambda one: {"PatientID": one.patient[0]},
    "beginning of a name": lambda one: {"PatientName": f"{one.patient[1]}*"},
    "name and station": lambda one: {"PatientName": f"{one.patient[1]}*", "ScheduledStationAETitle": one.station},
    "accession number": lambda one: {"AccessionNumber": one.accession_number},
    "everything (refused, more than 5,000)": lambda one: {},
}


def of_shapes(server: Server, orders: int) -> dict[str, float]:
    """Return the median milliseconds of queries of each shape, none of which was asked before."""
    found = {}
    for name, values in SHAPES.items():
        taken = []
        for n in range(OF_EACH_SHAPE):
            query = identifier(**values(Scheduled((n * 7919 + 4711) % orders)))
            association = Association(server.port, server.ae_title, WORKLIST_FIND)
            before = time.perf_counter()
            status, _ = association.ask(query)
            taken.append(1000 * (time.perf_counter() - before))
            association.release()
            if status != (TOO_MANY if not values(Scheduled(0)) else 0):
                raise RuntimeError(f"{name}: 0x{status:04X}")
        found[name] = median(taken)
    return found


def measure_sizes(folder: Path) -> str:
    """Return what the gateway does with more and more orders, as Markdown; its folder has the first ORDERS."""
    rows, shapes = [], []
    for before, orders in zip((ORDERS, *SIZES), SIZES, strict=False):
        put_orders(folder / DATABASE, before, orders)
        with gateway(folder) as server:
            new, known = with_size(server, orders)
            shapes.append(of_shapes(server, orders))
        figures = (new[0], median(new[1:]), percentile(new[1:], 99), median(known), percentile(known, 99))
        rows.append([f"{orders:,}", *map(number, figures)])
    header = ["orders", "first query", "never asked: p50", "p99", "asked before: p50", "p99"]
    by_shape = [[name, *(number(one[name]) for one in shapes)] for name in SHAPES]
    return (
        f"The gateway alone, just started, ms on one association; {NEW_QUERIES} different queries, then "
        f"{KNOWN_QUERIES} of them {REPEATS} times again.\n\n{table(header, rows)}\n\n"
        f"Other queries, none asked before, medians of {OF_EACH_SHAPE}, ms.\n\n"
        f"{table(['orders', *(f'{orders:,}' for orders in SIZES)], by_shape)}"
    )


def run() -> str:
    """Run the benchmark and return its report."""
    machine = description()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        make_gateway(folder / "gateway")
        put_orders(folder / "gateway" / DATABASE, 0, ORDERS)
        with ExitStack() as stack:
            servers = [stack.enter_context(gateway(folder / "gateway"))]
            if program("wlmscpfs"):
                write_files(folder / "wl", ORDERS)
                servers.append(stack.enter_context(wlmscpfs(folder / "wl")))
            else:
                print("SKIPPED: wlmscpfs is not installed (package dcmtk)", file=sys.stderr)
            answers = check_same_answers(servers)
            compared = report(measure(servers), answers)
        return f"{machine}\n\n{compared}\n\n{measure_sizes(folder / 'gateway')}"


if __name__ == "__main__":
    print(run())
