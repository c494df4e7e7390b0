"""The commands as a person types them, before the first `serve`; one of each group in a process of its own."""

import json
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dicom_gateway.gateway import Gateway
from dicom_gateway.settings_loading import load_settings
from tests.e2e.images import order_body
from tests.inside import run_inside


class Shell:
    """Runs `dicom-gateway` in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("DICOM_GATEWAY_")}

    def __call__(self, *arguments: str, text: str | None = None, code: int = 0) -> str:
        """Run a command in this process; return what it printed. `code`: the exit code it must have."""
        return self._printed(run_inside(list(arguments), self.environment, text, self.folder), code)

    def process(self, *arguments: str, text: str | None = None, code: int = 0) -> str:
        """Do the same in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "dicom_gateway", *arguments],
            capture_output=True, text=True, input=text, cwd=self.folder, env=self.environment, timeout=60,
        )  # fmt: skip
        return self._printed(done, code)

    def _printed(self, done: subprocess.CompletedProcess[str], code: int) -> str:
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A folder after `init`."""
    found = Shell(tmp_path)
    found("init")
    return found


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_init_writes_what_only_the_owner_reads_and_overwrites_nothing(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.process("init")
    config, token = shell.folder / "gateway.toml", shell.folder / "data" / "admin.token"
    assert (mode(config), mode(token), mode(shell.folder / "data")) == (0o600, 0o600, 0o700)
    config.write_text("[dicom]\nport = 11113\n")
    kept = token.read_text()
    assert kept.strip() not in shell("init")
    assert config.read_text() == "[dicom]\nport = 11113\n"
    assert token.read_text() == kept


def test_init_into_a_folder_and_config_by_environment(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    printed = shell("init", "clinic")
    assert (tmp_path / "clinic" / "data" / "admin.token").read_text().strip() in printed
    shell.environment["DICOM_GATEWAY_CONFIG"] = str(tmp_path / "clinic" / "gateway.toml")
    assert "administrator" in shell("token", "list")


def test_init_says_what_it_kept(shell: Shell) -> None:
    said = shell("init")
    assert said.count("was there, kept as it is") == 3
    token = shell.folder / "data" / "admin.token"
    token.unlink()
    assert "made before" in shell("init")
    assert not token.exists()


def test_init_replaces_a_token_that_its_database_does_not_know(shell: Shell) -> None:
    token = shell.folder / "data" / "admin.token"
    old = token.read_text()
    for file in (shell.folder / "data").glob("gateway.db*"):
        file.unlink()
    token.chmod(0o644)
    (shell.folder / "data" / "admin.token.new").write_text("left over")
    printed = shell("init")
    assert token.read_text() != old
    assert token.read_text().strip() in printed
    assert mode(token) == 0o600
    assert not (shell.folder / "data" / "admin.token.new").exists()
    assert "administrator" in shell("token", "list")


@pytest.mark.parametrize(
    "command", [["orders", "list"], ["token", "list"], ["deliveries", "list"], ["pms", "test", "x"]], ids=" ".join
)
def test_a_folder_without_a_gateway_stays_without(tmp_path: Path, command: list[str]) -> None:
    said = Shell(tmp_path).process(*command, code=2)
    assert said == "no gateway.toml here: use --config FILE, or dicom-gateway init\n"
    assert list(tmp_path.iterdir()) == []


def test_a_data_folder_by_environment_is_enough(tmp_path: Path) -> None:
    Shell(tmp_path)("init", "clinic")
    (tmp_path / "clinic" / "gateway.toml").unlink()
    shell = Shell(tmp_path)
    shell.environment["DICOM_GATEWAY_GATEWAY__DATA_DIR"] = str(tmp_path / "clinic" / "data")
    assert "administrator" in shell("token", "list")


def test_a_token_of_an_odd_kind_is_refused(shell: Shell) -> None:
    before = shell("token", "list")
    assert "role pms only" in shell("token", "create", "ann", "--role", "technician", "--source", "mypms", code=2)
    for name in ("", " ", "a\nb"):
        assert "printable" in shell("token", "create", name, "--role", "pms", code=2)
    assert shell("token", "list") == before


def test_token_is_printed_once_and_alone(shell: Shell) -> None:
    printed = shell.process("token", "create", "mypms", "--role", "pms", "--source", "mypms")
    assert printed.startswith("dgw_")
    assert printed.count("\n") == 1
    assert printed.strip() not in shell("token", "list")
    assert "mypms\tpms\tmypms" in shell("token", "list")
    assert "exists" in shell("token", "create", "mypms", "--role", "pms", code=1)
    shell("token", "revoke", "mypms")
    assert "no valid token" in shell("token", "revoke", "mypms", code=1)


def test_orders_by_hand(shell: Shell) -> None:
    added = json.loads(shell.process("orders", "add", text=json.dumps(order_body())))
    assert added["accession_number"] == "0000000001"
    assert shell("orders", "list", "--modality", "DX", "--date", "2026-11-23").startswith(added["id"])
    assert shell("orders", "list", "--modality", "US") == ""
    for day in ("20261123", "today"):
        assert bool(shell("orders", "list", "--date", day)) == (day == "20261123")
    for wrong in (["--status", "DONE"], ["--date", "23.11.2026"], ["--date", "2026-02-30"], ["--date", "2026-W01-1"]):
        assert wrong[0] in shell("orders", "list", *wrong, code=2)
    assert shell("orders", "list", "--status", "SCHEDULED").startswith(added["id"])
    assert json.loads(shell("orders", "show", added["id"])) == added
    assert "CANCELED" in shell("orders", "cancel", added["id"])
    for command in (["show", "A-1002"], ["cancel", "A-1002"]):
        told = shell("orders", *command, code=1)
        assert told == "no order A-1002; the id is the first column of `dicom-gateway orders list`\n"


def test_bad_order_names_every_field(shell: Shell) -> None:
    body = order_body()
    body["patient"]["name"] = ""  # type: ignore[index]
    body["procedures"][0]["steps"][0]["modality"] = "dx"  # type: ignore[index]
    said = shell("orders", "add", text=json.dumps(body), code=2)
    assert "patient.name" in said
    assert "procedures[0].steps[0].modality" in said
    assert "not JSON" in shell("orders", "add", text="{", code=2)
    assert shell.process("orders", "add", text="[" * 100_000, code=2) == "this is nested too deeply\n"


def test_import_of_json_lines_takes_what_is_right(shell: Shell) -> None:
    lines = [json.dumps(order_body("A-1")), "{", json.dumps({"source": "mypms"}), json.dumps(order_body("A-2"))]
    (shell.folder / "orders.jsonl").write_text("\n".join(lines))
    said = shell("orders", "import", "orders.jsonl", code=1)
    assert "line 2" in said
    assert "line 3: patient: is required" in said
    assert shell("orders", "list").count("SCHEDULED") == 2


def test_import_of_csv_makes_one_step_a_row(shell: Shell) -> None:
    (shell.folder / "orders.csv").write_text(
        "source,placer_order_number,patient.id,patient.name,patient.neutered,procedure.description,"
        "step.modality,step.start,step.station_ae_titles,step.teeth,step.expected_instances\n"
        'csv,C-1,P-1,"Doe^Rex",yes,Thorax,DX,2026-11-23T10:00,DX1|DX2,,2\n'
        "csv,C-1,P-1,Doe^Rex,yes,Abdomen,US,2026-11-23T10:30,,,\n"
        "csv,C-2,P-2,Roe^Ann,,Bitewings,IO,2026-11-23,,16|26,2\n"
    )
    assert "2 taken, 0 refused" in shell("orders", "import", "orders.csv")
    ids = [line.split("\t")[0] for line in shell("orders", "list").splitlines()]
    orders = {order["placer_order_number"]: order for order in (json.loads(shell("orders", "show", i)) for i in ids)}
    assert [p["description"] for p in orders["C-1"]["procedures"]] == ["Thorax", "Abdomen"]
    assert orders["C-1"]["procedures"][0]["steps"][0]["station_ae_titles"] == ["DX1", "DX2"]
    assert orders["C-1"]["patient"]["neutered"] is True
    assert orders["C-2"]["procedures"][0]["steps"][0]["teeth"] == ["16", "26"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("orders.csv", "source;placer_order_number\nMüller;1".encode("cp1252"), "save it as CSV UTF-8"),
        ("orders.jsonl", '{"source": "Müller"}'.encode("latin-1"), "orders.jsonl is not UTF-8"),
        ("order.json", b"{}", "neither .csv nor .jsonl; use `orders add`"),
        ("orders.csv", b"placer_order_number,patient,patient.id\n1,2,3", "names patient, which is no field"),
    ],
    ids=["cp1252", "latin-1", "suffix", "header"],
)
def test_a_file_that_cannot_be_imported_is_one_line(shell: Shell, name: str, content: bytes, said: str) -> None:
    (shell.folder / name).write_bytes(content)
    printed = shell("orders", "import", name, code=2)
    assert said in printed
    assert printed.count("\n") == 1


def test_rows_that_contradict_each_other_are_not_taken(shell: Shell) -> None:
    (shell.folder / "orders.csv").write_text(
        "source;placer_order_number;patient.id;patient.name;step.modality;step.start\n"
        "csv;C-1;P-1;Doe^Rex;DX;2026-11-23\n"
        "csv;C-2;P-2;Roe^Ann;DX;2026-11-23\n"
        "csv;C-1;P-9;Doe^Rex;US;2026-11-23\n"
    )
    said = shell("orders", "import", "orders.csv", code=1)
    assert said.startswith("lines 2 and 4: rows of one order differ in patient.id;")
    assert [line.split("\t")[3] for line in shell("orders", "list").splitlines()] == ["C-2"]


def test_csv_without_a_header_is_refused(shell: Shell) -> None:
    (shell.folder / "orders.csv").write_text("a,b\n1,2\n")
    assert "placer_order_number" in shell("orders", "import", "orders.csv", code=2)


def test_pms_that_is_not_configured(shell: Shell) -> None:
    assert "no [[pms]] is named" in shell("pms", "test", "nobody", code=1)


def test_unknown_setting_stops_every_command(shell: Shell) -> None:
    (shell.folder / "gateway.toml").write_text("[dicom]\nprot = 104\n")
    said = shell.process("orders", "list", code=2)
    assert "dicom.prot" in said
    assert "line 2" in said


def test_retry_of_what_is_not_there_leaves_no_trace(shell: Shell) -> None:
    assert "no event evt_0" in shell("deliveries", "retry", "evt_0", code=1)
    assert "no target nobody" in shell("deliveries", "retry", "--target", "nobody", code=1)
    assert "name an event" in shell("deliveries", "retry", code=2)
    with closing(sqlite3.connect(shell.folder / "data" / "gateway.db")) as database:
        assert database.execute("SELECT action FROM audit").fetchall() == [("token created",)]


def test_retry_of_a_configured_target(shell: Shell) -> None:
    secret = "whsec_" + "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
    pms = f'\n[[pms]]\nname = "clinic"\nurl = "http://127.0.0.1:9/"\nsecret = "{secret}"\n'
    with open(shell.folder / "gateway.toml", "a") as file:
        file.write(pms)
    assert "0 due now" in shell.process("deliveries", "retry", "--target", "clinic")


def test_alarms_are_listed_and_cleared(shell: Shell) -> None:
    gateway = Gateway(load_settings(shell.folder / "gateway.toml"))
    gateway.audit.alarm(1, "disk nearly full", "store", "10 MB")
    gateway.close()
    (line,) = shell.process("alarms", "list").splitlines()
    key, kind, subject, *_ = line.split("\t")
    assert (kind, subject) == ("disk nearly full", "store")
    assert "cleared disk nearly full: store" in shell("alarms", "clear", key)
    assert shell("alarms", "list") == ""
    assert "no alarm" in shell("alarms", "clear", key, code=1)
