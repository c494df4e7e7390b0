"""Folders that cannot be made, places without a database, a second gateway, a first token that is revoked."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.tools import run, said, silent_server
from tests.e2e.program import Program

MAKE_ANOTHER = "dicom-gateway token create NAME --role administrator"


def why_not(folder: Path) -> OSError:
    """Return the system's reason why a folder cannot be made."""
    with pytest.raises(OSError) as error:
        folder.mkdir()
    return error.value


def below_a_file(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file" / "gw"


PLACES: dict[str, Callable[[Path], Path]] = {
    "not allowed": lambda folder: Path("/sys/gw"),
    "no such place": lambda folder: Path("/proc/demo"),
    "below a file": below_a_file,
}


@pytest.mark.parametrize("command", [["init"], ["demo", "--folder"]], ids=lambda command: command[0])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_folder_that_cannot_be_made(
    program: Callable[..., Program], tmp_path: Path, place: Callable[[Path], Path], command: list[str]
) -> None:
    folder = place(tmp_path)
    reason = why_not(folder)
    told = said(program(), *command, str(folder), code=2)
    assert told.startswith(f"{folder} cannot be made: {reason.strerror}")
    assert ("make it as root and give it to the user of the gateway" in told) == isinstance(reason, PermissionError)


def test_a_data_folder_that_cannot_be_made_ends_serve_in_one_line(program: Callable[..., Program]) -> None:
    made = program()
    made.environment["DICOM_GATEWAY_GATEWAY__DATA_DIR"] = "/proc/demo"
    done = made.run("serve", check=False)
    assert done.returncode == 2
    assert done.stderr == f"/proc/demo cannot be made: {why_not(Path('/proc/demo')).strerror}\n"


COMMANDS = ["orders list", "worklist --device DX1", "deliveries list", "token list", "mpps create --from-order x h 104"]


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_makes_a_database(program: Callable[..., Program], tmp_path: Path, command: str) -> None:
    made = program()
    elsewhere = tmp_path / "elsewhere"
    made.environment["DICOM_GATEWAY_GATEWAY__DATA_DIR"] = str(elsewhere)
    told = said(made, *command.split(), code=2)
    assert f"there is no database at {elsewhere / 'gateway.db'}; `dicom-gateway init` or `serve` makes it" in told
    assert "is gateway.data_dir right?" in told
    assert not elsewhere.exists()


def test_a_database_that_is_named_itself(program: Callable[..., Program], tmp_path: Path) -> None:
    made = program()
    made.environment["DICOM_GATEWAY_DATABASE__URL"] = f"sqlite:///{tmp_path / 'other.db'}"
    assert "is database.url right?" in said(made, "orders", "list", code=2)


def test_a_second_gateway_on_the_same_folder_is_told_what_to_do(gateway: Program) -> None:
    told = said(gateway, "serve", code=2)
    assert f"another gateway runs on {gateway.data}" in told
    assert "end it first (Ctrl-C in its terminal, systemctl stop dicom-gateway)" in told


def test_a_taken_port_has_one_piece_of_advice(program: Callable[..., Program]) -> None:
    with silent_server() as taken:
        made = program(DICOM__PORT=str(taken))
        for role in ("all", "dicom"):
            told = said(made, "serve", "--role", role, code=2).splitlines()[-1]
            assert told == (
                f"dicom.port: cannot listen on 127.0.0.1:{taken}: another program does; `ss -ltnp` shows which; "
                "end it, or choose another port: dicom.port, DICOM_GATEWAY_DICOM__PORT"
            )


def test_a_first_token_that_is_revoked_is_not_pointed_at(program: Callable[..., Program], tmp_path: Path) -> None:
    made = program(WEB__PORT="0")
    assert "revoked" not in said(made, "init", str(tmp_path))
    said(made, "token", "revoke", "administrator")
    assert f"{made.data / 'admin.token'}  (revoked; {MAKE_ANOTHER})" in said(made, "init", str(tmp_path))
    with silent_server() as taken:  # it ends here, having said so
        made.environment["DICOM_GATEWAY_DICOM__PORT"] = str(taken)
        done = run(made, "serve")
    assert f"The token in {made.data / 'admin.token'} is revoked: {MAKE_ANOTHER}" in done.stdout


def test_a_token_that_is_refused_names_what_is_wrong(program: Callable[..., Program]) -> None:
    made = program()
    told = said(made, "token", "create", "ann", "--role", "technician", "--source", "mypms", code=2)
    assert told == "--source limits a token of the role pms only; technician sees every source\n"
    assert said(made, "token", "create", "a\nb", "--role", "pms", code=2).startswith("NAME must be 1 to 64 printable")


def test_what_the_pages_write_here_is_no_part_of_the_project() -> None:
    root = Path(__file__).resolve().parents[2]
    ignored = (root / ".gitignore").read_text(encoding="utf-8").split()
    written = ("thumbnail.jpg", "image.dcm", "order.json", "images/", "received/", "receiver.log", "synthetic/")
    assert [name for name in written if f"/{name}" not in ignored] == []
    assert os.path.exists(root / "sample_data" / "order.json")  # that one is
