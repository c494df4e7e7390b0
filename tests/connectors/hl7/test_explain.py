"""`hl7 explain`: each field with its rule and its place, what nobody read, and why a message would be refused."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dicom_gateway.cli.root import cli
from tests.connectors.hl7.samples import OBR, ORC, PID, SAMPLES, message

SETTINGS = """
[[hl7_source]]
name = "front"
sending_application = "VETERA"
map = "vetera"

[[hl7_source]]
name = "desk"
sending_application = "PMS"
assigning_authority = "MYPMS"
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Explain a file: call with bytes or a sample's name, and further arguments."""
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "gateway.toml"
    config.write_text(SETTINGS)

    def explained(what: bytes | str, *arguments: str, code: int = 0) -> list[list[str]]:
        path = SAMPLES / f"{what}.hl7" if isinstance(what, str) else tmp_path / "message.hl7"
        if isinstance(what, bytes):
            path.write_bytes(what)
        result: Result = CliRunner().invoke(cli, ["--config", str(config), "hl7", "explain", str(path), *arguments])
        assert result.exit_code == code, (result.output, result.exception)
        return [line.split("\t") for line in result.output.splitlines()]

    return explained


def test_the_map_is_that_of_the_sender(run) -> None:  # type: ignore[no-untyped-def]
    lines = run("vetera_order")
    assert lines[0] == ["ORM^O01 of VETERA VETERA, version 2.5.0, read as utf-8, map vetera"]
    assert ["patient.species", "Hund", "PID-35", "PID^1^35"] in lines
    assert ["procedures[0].steps[0].modality", "DX", "OBR-21.1", "OBR^1^21^1^1"] in lines
    assert ["(not read)", "Praxis", "", "OBR-24"] in lines
    assert ["note: a line that is no segment was read as the rest of the one before"] in lines
    assert ["would be: order 7719: taken, new or changed"] in lines


def test_a_source_or_a_map_may_be_named(run) -> None:  # type: ignore[no-untyped-def]
    assert run("assistovet_order", "--source", "assistovet")[0][0].endswith("map assistovet")
    assert run("orm_dental", "--source", "desk")[0][0].endswith("map default")
    run("orm_dental", "--source", "nobody", code=1)


def test_what_was_read_before_a_fault_is_shown(run) -> None:  # type: ignore[no-untyped-def]
    lines = run(message(PID, ORC, OBR.replace("|DX", "|"), "ZZZ|1|x"), code=1)
    assert ["patient.name", "Doe^Rex", "PID-5", "PID^1^5"] in lines
    assert lines[-1] == ["refused: AE 101 OBR^1^24: OBR-24: procedures[0].steps[0].modality is required"]


def test_each_message_of_a_batch_is_explained(run) -> None:  # type: ignore[no-untyped-def]
    one = message(PID, ORC, OBR)
    lines = run(b"BHS|^~\\&|PMS\r" + one + b"\r" + one.replace(b"A-1", b"A-2") + b"\rBTS|2\r")
    done = [line[0] for line in lines if line[0].startswith("would be")]
    assert done == [f"would be: order {number}: taken, new or changed" for number in ("A-1", "A-2")]


def test_what_is_no_message_is_refused(run) -> None:  # type: ignore[no-untyped-def]
    assert run(b"hello", code=1)[-1][0].startswith("refused: AR 100 ")


def test_the_patients_of_a_merge_are_named(run) -> None:  # type: ignore[no-untyped-def]
    assert run("adt_merge")[-1] == ["would be: patient V-2207: merged from V-1999"]
