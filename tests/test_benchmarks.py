"""What the benchmarks compute: goals, what is read from reports and /proc, and the bytes of what is sent."""

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydicom import dcmread

from benchmarks import goals, worklist
from benchmarks.__main__ import NAMES
from benchmarks.figures import PAGE, put, table
from benchmarks.gateways import make_with_limits
from benchmarks.goals import GOALS, Goal
from benchmarks.large import FRAME_BYTES, SOP_CLASS, LargeObject, frames_for
from benchmarks.objects import KINDS, Encoded
from benchmarks.processes import cpu_seconds, family, megabytes, peak_megabytes
from benchmarks.sends import CBCT, CELLS, MANY_ASSOCIATIONS, SERVERS, Send, written
from benchmarks.servers import MAX_PDU
from benchmarks.store_tables import cpu_a_file, figures, speeds, tables
from dicom_gateway.settings_loading import load_settings

RATIO = Goal("speed", "store", (("p1", "a"), ("p4", "b")), 3, "x", at_least=True)
TIME = Goal("time", "start", (("", "a"),), 2, " s")


@pytest.mark.parametrize(
    ("goal", "found", "met", "reached"),
    [
        pytest.param(RATIO, {"a": 3.0, "b": 4.0}, True, "p1 3.00, p4 4.00", id="every figure reaches it"),
        pytest.param(RATIO, {"a": 30.0, "b": 2.99}, False, "p1 30.0, p4 2.99", id="one does not"),
        pytest.param(RATIO, {"a": 2.0}, False, "p1 2.00", id="one does not and one is missing"),
        pytest.param(RATIO, {"b": 4.0}, None, "p4 4.00", id="one is missing"),
        pytest.param(TIME, {"a": 2.0}, True, "2.00", id="at most"),
        pytest.param(TIME, {"a": 2.01}, False, "2.01", id="more than at most"),
        pytest.param(TIME, {}, None, "", id="nothing was measured"),
    ],
)
def test_a_goal_is_met_by_all_of_its_figures(
    goal: Goal, found: dict[str, float], met: bool | None, reached: str
) -> None:
    assert goal.is_met(found) is met
    assert goal.reached(found) == reached


def test_a_goal_says_itself_what_is_compared() -> None:
    assert (RATIO.text, TIME.text) == ("at least 3x", "at most 2 s")


def test_the_table_of_goals_counts_what_is_met(tmp_path: Path) -> None:
    path = tmp_path / "measured.json"
    goals.keep("start", {"the first start": 1.5, "a later start": 1.0}, path)
    goals.keep("delivery", {"p95": 1.2}, path)
    goals.keep("delivery", {"p95": 1.3}, path)
    page = goals.kept_report(path)
    assert page.startswith(f"1 of {len(GOALS)} met, 1 not met, {len(GOALS) - 2} not measured in full.")
    rows = {row[0]: row[1:] for row in goals.tables_of(page)[0]}
    assert rows["start to the first C-ECHO"] == ["at most 2 s", "first start 1.50, later 1.00", "yes"]
    assert rows["N-SET COMPLETED until the PMS has all of 20 images, p95"] == ["at most 1 s", "1.30", "no"]


def _sends() -> dict[tuple[object, str], list[Send]]:
    return {(cell, name): [Send(8, 2.0, 0.4, 90.0), Send(8, 4.0, 0.4, 95.0)] for cell in CELLS for name in SERVERS}


def test_every_goal_of_the_c_store_benchmark_is_one_of_its_figures() -> None:
    found = {key for medium in ("disk", "tmpfs") for key in figures(medium, _sends())}  # type: ignore[arg-type]
    assert {key for goal in GOALS if goal.benchmark == "store" for _, key in goal.keys} <= found


def test_every_goal_is_of_a_benchmark_that_is_run_and_shown() -> None:
    assert {goal.benchmark for goal in GOALS} <= set(NAMES)
    page = PAGE.read_text(encoding="utf-8")
    for name in (*NAMES, "goals"):
        assert "figures" in put(page, name, "figures")


def test_the_speed_of_large_files_is_in_megabytes() -> None:
    tiny, large = (next(cell for cell in CELLS if cell.kind is kind) for kind in (KINDS[0], CBCT))
    sends = [Send(2, 4.0, 0.5, 0.0)]
    assert speeds(tiny, sends) == [0.5]
    assert speeds(large, sends) == [105.0]
    assert cpu_a_file(sends) == 0.25


def test_a_server_that_was_not_there_is_named() -> None:
    sends = {key: done for key, done in _sends().items() if key[1] != "Orthanc"}
    pages = tables("tmpfs", sends)  # type: ignore[arg-type]
    assert len(pages) == 3
    for page in pages:
        for row in goals.tables_of(page)[0][1:]:
            assert row.count("not installed") == 1
    assert not any("Orthanc" in key for key in figures("tmpfs", sends))  # type: ignore[arg-type]


@pytest.mark.parametrize("server", SERVERS)
def test_every_association_of_a_send_has_a_file(server: str) -> None:
    for cell in CELLS:
        assert cell.files(server) >= cell.associations
        assert cell.files(server) % cell.associations == 0
    assert MANY_ASSOCIATIONS in {cell.associations for cell in CELLS}


@pytest.mark.parametrize("nodelay", [True, False])
def test_both_clients_write_the_same_bytes(nodelay: bool) -> None:
    (request,) = Encoded(KINDS[0]).study(1, 4096)
    pieces = written(request, nodelay)
    assert b"".join(pieces) == b"".join(request)
    assert len(pieces) == len(request) * (1 if nodelay else 2)
    assert nodelay or {len(piece) for piece in pieces[::2]} == {12}


def test_what_the_worklist_benchmark_says_is_found_in_its_report() -> None:
    found = {(way, name): [2.0 if name == "gateway" else 250.0] for way in worklist.WAYS for name in worklist.FINDS}
    assert goals.worklist_figures(worklist.report(found, 10))["wlmscpfs"] == 125
    del found["C-FIND on one association", "wlmscpfs"], found["associate + C-FIND + release", "wlmscpfs"]
    assert goals.worklist_figures(worklist.report(found, 10)) == {}


def test_the_worklist_of_many_orders_is_found_in_its_report() -> None:
    header = ["orders", "first query", "never asked: p50", "p99", "asked before: p50", "p99"]
    rows = [["10,000", "9", "3", "4", "1.00", "2.00"], ["1,000,000", "9", "3", "4", "1.20", "2.50"]]
    assert goals.worklist_figures(f"Words.\n\n{table(header, rows)}\n\nMore words.") == {
        "10,000/p50": 1.0,
        "10,000/p99": 2.0,
        "1,000,000/p50": 1.2,
        "1,000,000/p99": 2.5,
        "flat": 1.2,
    }


def test_the_header_that_is_read_is_the_one_that_is_written() -> None:
    source = Path(worklist.__file__).read_text(encoding="utf-8")
    assert re.search(r'"asked before: p50",\s*"p99"', source)


@pytest.mark.parametrize("frames", [1, 3])
def test_a_large_object_is_whole(frames: int) -> None:
    made = LargeObject(frames)
    request, *pdus = made.pdus()
    assert SOP_CLASS.encode() in bytes(request) and made.instance_uid.encode() in bytes(request)
    controls = [bytes(pdu)[11] for pdu in pdus]
    assert controls == [0] * (len(pdus) - 1) + [2]
    assert max(len(pdu) for pdu in pdus) == MAX_PDU + 6
    data = b"".join(bytes(pdu)[12:] for pdu in pdus)
    image = dcmread(io.BytesIO(data), force=True)
    assert (image.NumberOfFrames, len(image.PixelData)) == (frames, frames * FRAME_BYTES)
    assert made.megabytes == len(data) / 1e6


def test_an_object_is_smaller_where_there_is_no_room(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert frames_for(0.1, tmp_path) == round(0.1e9 / FRAME_BYTES)
    assert capsys.readouterr().err == ""
    assert frames_for(0.1, tmp_path, copies=10**9) == 1
    assert "SMALLER" in capsys.readouterr().err


def test_a_family_of_processes_is_counted_together() -> None:
    arguments = [sys.executable, "-c", "import sys; print('here', flush=True); sys.stdin.read()"]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert {os.getpid(), child.pid} <= set(family(os.getpid()))
        assert family(child.pid) == [child.pid]
        assert 0 < megabytes(child.pid) <= peak_megabytes(child.pid)
        assert 0 <= cpu_seconds(child.pid) < cpu_seconds(os.getpid())
        child.communicate()


def test_limits_of_a_benchmark_are_those_of_the_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("DICOM_GATEWAY_")]:
        monkeypatch.delenv(name)
    make_with_limits(tmp_path / "gateway", {"connections": 300, "connections_per_address": 250})
    limits = load_settings(tmp_path / "gateway" / "gateway.toml").limits
    assert (limits.connections, limits.connections_per_address) == (300, 250)
