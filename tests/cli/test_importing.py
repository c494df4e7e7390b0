"""orders import: what is wrong is said in the words of the file."""

from pathlib import Path

import pytest

from tests.cli.tools import run
from tests.e2e.program import Program

HEADER = (
    "source,placer_order_number,patient.id,patient.name,procedure.description,step.modality,step.start,step.teeth\n"
)
GOOD = "csv,C-1,P-1,Doe^Rex,,IO,2026-11-23,\n"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A gateway that does not run."""
    return Program(tmp_path_factory.mktemp("gateway"), "", {})


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("csv,C-2,P-1,Doe^Rex,,IO,soon,\n", "line 2: step.start: "),
        ("csv,C-2,,Doe^Rex,,IO,2026-11-23,\n", "line 2: patient.id: "),
        ("csv,C-2,P-1,Doe^Rex,,IO,2026-11-23,16|99\n", "line 2: step.teeth: "),
        (
            "csv,C-2,P-1,Doe^Rex,A,IO,2026-11-23,\n"
            "csv,C-2,P-1,Doe^Rex,B,IO,2026-11-23,\n"
            "csv,C-2,P-1,Doe^Rex,B,IO,soon,\n",
            "line 2: step.start (row 3 of this order): ",
        ),
        (f"csv,C-2,P-1,Doe^Rex,{'A' * 65},IO,2026-11-23,\n", "line 2: procedure.description: "),
    ],
    ids=["step", "patient", "item of a list", "third row", "procedure"],
)
def test_a_bad_cell_is_named_by_its_column(program: Program, tmp_path: Path, rows: str, said: str) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(HEADER + rows)
    done = run(program, "orders", "import", str(file))
    assert done.returncode == 1
    assert done.stderr.startswith(said)
    assert "procedures[" not in done.stderr
    assert done.stdout == "0 taken, 1 refused\n"


@pytest.mark.parametrize(
    "header",
    [HEADER.replace("step.start", "step.begin"), HEADER.replace("placer_order_number", "")],
    ids=["unknown", "missing"],
)
def test_a_header_that_is_wrong_is_all_that_is_told(program: Program, tmp_path: Path, header: str) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(header + GOOD)
    done = run(program, "orders", "import", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert "the first line" in done.stderr


def test_json_lines_keep_the_names_of_the_document(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "orders.jsonl"
    file.write_text('{"source": "mypms", "placer_order_number": "J-1", "procedures": [{"steps": [{}]}]}\n')
    assert "line 1: procedures[0].steps[0].modality: " in run(program, "orders", "import", str(file)).stderr


def test_steps_that_reach_no_device_are_told_in_one_line(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    file.write_text(HEADER + GOOD + GOOD.replace("C-1", "C-3"))
    done = run(program, "orders", "import", str(file))
    assert done.stdout == "2 taken, 0 refused\n"
    assert done.stderr.startswith("2 open steps reach no device: IO without a station (2); ")
