"""The commands as a person types them, before the first `serve`."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.images import order_body


class Shell:
    """Runs `dicom-gateway` in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("DICOM_GATEWAY_")}

    def __call__(self, *arguments: str, text: str | None = None, code: int = 0) -> str:
        """Run a command; return what it printed. `code`: the exit code it must have."""
        done = subprocess.run(
            [sys.executable, "-m", "dicom_gateway", *arguments],
            capture_output=True, text=True, input=text, cwd=self.folder, env=self.environment, timeout=60,
        )  # fmt: skip
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


def test_init_writes_what_only_the_owner_reads_and_overwrites_nothing(shell: Shell) -> None:
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


def test_token_is_printed_once_and_alone(shell: Shell) -> None:
    printed = shell("token", "create", "mypms", "--role", "pms", "--source", "mypms")
    assert printed.startswith("dgw_")
    assert printed.count("\n") == 1
    assert printed.strip() not in shell("token", "list")
    assert "mypms\tpms\tmypms" in shell("token", "list")
    assert "exists" in shell("token", "create", "mypms", "--role", "pms", code=1)
    shell("token", "revoke", "mypms")
    assert "no valid token" in shell("token", "revoke", "mypms", code=1)


def test_orders_by_hand(shell: Shell) -> None:
    added = json.loads(shell("orders", "add", text=json.dumps(order_body())))
    assert added["accession_number"] == "0000000001"
    assert shell("orders", "list", "--modality", "DX", "--date", "2026-11-23").startswith(added["id"])
    assert shell("orders", "list", "--modality", "US") == ""
    assert json.loads(shell("orders", "show", added["id"])) == added
    assert "CANCELED" in shell("orders", "cancel", added["id"])
    assert "no order" in shell("orders", "show", "nothing", code=1)


def test_bad_order_names_every_field(shell: Shell) -> None:
    body = order_body()
    body["patient"]["name"] = ""  # type: ignore[index]
    body["procedures"][0]["steps"][0]["modality"] = "dx"  # type: ignore[index]
    said = shell("orders", "add", text=json.dumps(body), code=2)
    assert "patient.name" in said
    assert "procedures[0].steps[0].modality" in said
    assert "not JSON" in shell("orders", "add", text="{", code=2)


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


def test_csv_without_a_header_is_refused(shell: Shell) -> None:
    (shell.folder / "orders.csv").write_text("a,b\n1,2\n")
    assert "placer_order_number" in shell("orders", "import", "orders.csv", code=2)


def test_pms_that_is_not_configured(shell: Shell) -> None:
    assert "no [[pms]] is named" in shell("pms", "test", "nobody", code=1)


def test_unknown_setting_stops_every_command(shell: Shell) -> None:
    (shell.folder / "gateway.toml").write_text("[dicom]\nprot = 104\n")
    said = shell("orders", "list", code=2)
    assert "dicom.prot" in said
    assert "line 2" in said
