"""What runs in a process of its own beside a measurement, so that nothing measured shares an interpreter with it."""

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import cache

import httpx

from benchmarks.large import SOP_CLASS, LargeObject
from benchmarks.objects import Encoded, Kind
from benchmarks.scu import Association
from benchmarks.servers import MAX_PDU


def processes(count: int) -> ProcessPoolExecutor:
    """Return a pool whose processes share nothing with this one."""
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"))


@cache
def _encoded(kind: Kind) -> Encoded:
    return Encoded(kind)


def send_files(port: int, called: str, kind: Kind, files: int) -> float:
    """Send new objects on one association; return the seconds of the C-STOREs alone."""
    requests = _encoded(kind).study(files, MAX_PDU)
    association = Association(port, called, kind.sop_class_uid)
    before = time.perf_counter()
    for request in requests:
        association.store(request)
    seconds = time.perf_counter() - before
    association.release()
    return seconds


def send_large(port: int, called: str, frames: int) -> float:
    """Send one large object; return the seconds."""
    association = Association(port, called, SOP_CLASS)
    before = time.perf_counter()
    association.store(LargeObject(frames).pdus())
    seconds = time.perf_counter() - before
    association.release()
    return seconds


def fetch_all(urls: Sequence[str], headers: dict[str, str]) -> list[float]:
    """Fetch URLs one after the other; return the milliseconds of each; raises httpx.HTTPError."""
    taken = []
    with httpx.Client(headers=headers, timeout=60, trust_env=False) as client:
        for url in urls:
            before = time.perf_counter()
            client.get(url).raise_for_status()
            taken.append(1000 * (time.perf_counter() - before))
    return taken
