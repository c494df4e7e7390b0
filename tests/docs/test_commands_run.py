"""Every command of the pages but the README's, in a shell beside one running gateway, from top to bottom of runs.py.

The gateway is made, configured and started as docs/operations.md, docs/devices.md and docs/webhook.md say.
"""

import configparser
import contextlib
import json
import re
import shlex
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from dicom_gateway.cli.root import cli
from tests.cli.test_commitment import Archive, all_committed
from tests.docs.checkout import SECONDS, checkout, environment, foreground
from tests.docs.pages import blocks
from tests.docs.runs import (
    ALARMS,
    CHECK,
    DELIVERIES,
    DEVICE,
    DEVICES,
    MADE,
    ORDERS,
    REPORTS,
    SECRET,
    STUDIES,
    TOKENS,
    USERS,
    Run,
)
from tests.e2e.program import free_port, wait_for
from tests.e2e.receiver import SECRET as RECEIVERS_SECRET
from tests.e2e.receiver import Receiver
from tests.peers import dcmtk, need


class Practice:
    """A folder to type in; `values` stand for the words that the pages leave to the reader."""

    def __init__(self, folder: Path, receiver: Receiver) -> None:
        self.folder = checkout(folder / "checkout")
        self.home = folder / "srv"
        self.receiver = receiver
        self.dicom_port, self.web_port = free_port(), free_port()
        self.values = {
            "/srv/dicom-gateway": str(self.home),
            "/opt/dicom-gateway": str(self.folder),
            "11112": str(self.dicom_port),
            "FREE_PORT": str(free_port()),
        }
        self.variables = environment(
            DICOM_GATEWAY_DICOM__PORT=str(self.dicom_port), DICOM_GATEWAY_WEB__PORT=str(self.web_port)
        )

    def fill(self, text: str) -> str:
        """Put our values in place of the words."""
        words = "|".join(re.escape(word) for word in self.values)
        return re.sub(rf"(?<![\w-])(?:{words})(?!\w)", lambda found: self.values[found[0]], text)

    def type(self, text: str) -> tuple[int, str]:
        """Run a command in a shell; return its code and its output, both streams together."""
        done = subprocess.run(
            ["sh", "-ec", self.fill(text)], cwd=self.folder, env=self.variables, text=True, timeout=SECONDS,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace",
        )  # fmt: skip
        return done.returncode, done.stdout

    def call(self, text: str) -> tuple[int, str]:
        """Do the same in this process, which saves half a second of imports."""
        ours = {name: value for name, value in self.variables.items() if name.startswith("DICOM_GATEWAY_")}
        with contextlib.chdir(self.folder):
            done = CliRunner().invoke(cli, shlex.split(self.fill(text))[1:], env=ours)
        return done.exit_code, f"{done.output}{done.exception or ''}"

    def run(self, table: tuple[Run, ...]) -> None:
        """Run each command of a table; fails at the first that ends otherwise, or prints otherwise, than it should."""
        for run in table:
            code, printed = (self.call if is_plain(run) else self.type)(run.typed or run.said)
            said = f"{run.said}\n{self.fill(run.typed)}\n{printed}"
            assert code == 0, said
            found = re.search(self.fill(run.prints), printed, re.MULTILINE)
            assert found, f"{run.prints} is not in what it prints: {said}"
            if run.keeps:
                self.values[run.keeps] = found[1]


def is_plain(run: Run) -> bool:
    """Say whether a signature of ours is typed that needs no shell, and leaves no log open (-d)."""
    return run.typed.startswith("dicom-gateway ") and not re.search(r"[;|<>$]| -d ", run.typed)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    """A gateway that is set up and not started."""
    need("echoscu", "dcmtk")
    need("openssl", "openssl")
    with Receiver() as receiver:
        practice = Practice(tmp_path_factory.mktemp("commands"), receiver)
        practice.run(MADE)
        code, secret = practice.type(f"{SECRET} > {practice.home}/mypms.secret; cat {practice.home}/mypms.secret")
        assert code == 0
        assert re.fullmatch(r"whsec_[\w+/]{43}=\n", secret)
        yield practice


@pytest.fixture(scope="module")
def practice(made: Practice) -> Iterator[Practice]:
    """The running gateway: systemd's ExecStart, the tables of the pages, their addresses those of this machine."""
    here = {
        "192.168.1.20": "127.0.0.1",
        "https://pms.example.org/hooks/imaging": tomllib.loads(made.receiver.settings)["pms"][0]["url"],
    }
    with (made.home / "gateway.toml").open("a", encoding="utf-8") as file:
        for page in ("docs/devices.md", "docs/webhook.md"):
            for block in blocks(page, "toml"):
                file.write(re.sub("|".join(here), lambda found: here[found[0]], block.text))
    (made.home / "mypms.secret").write_text(RECEIVERS_SECRET)
    made.variables["DICOM_GATEWAY_CONFIG"] = str(made.home / "gateway.toml")
    made.receiver.answers.append(410)  # the first event pauses the target until a person resumes it
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(blocks("docs/operations.md", "ini")[0].text)
    with foreground(f"exec {made.fill(unit['Service']['ExecStart'])}", made.folder, made.variables) as running:
        running.wait_ready(made.web_port)
        yield made
        running.process.send_signal(signal.SIGTERM)  # to the supervisor alone, as KillMode=mixed says
        assert running.process.wait(int(unit["Service"]["TimeoutStopSec"])) == 0, running.printed()


def test_orders(practice: Practice) -> None:
    practice.run(ORDERS)


def test_a_device_and_its_images(practice: Practice) -> None:
    practice.run(DEVICE)


def test_devices(practice: Practice) -> None:
    practice.run(DEVICES)


def test_studies(practice: Practice) -> None:
    practice.run(STUDIES)
    sent = {path.read_bytes()[-1024 * 1280 * 2 :] for path in (practice.folder / "images").glob("*.dcm")}
    kept = {path.read_bytes()[-1024 * 1280 * 2 :] for path in (practice.folder / "originals").rglob("*.dcm")}
    assert len(sent) == 2
    assert kept == sent


def test_reports_and_commitment_with_every_option(practice: Practice) -> None:
    archive = Archive(all_committed)
    with archive.running() as port:
        practice.values["ARCHIVE_PORT"] = port
        practice.run(REPORTS)
    assert len(archive.requests) == 1


def test_deliveries(practice: Practice) -> None:
    practice.run(DELIVERIES)
    told = wait_for(lambda: practice.receiver.of("study.received"), SECONDS, "study.received")
    assert len(told[0]["instances"]) == 2
    assert len(practice.receiver.of("order.canceled")) == 1
    assert len(practice.receiver.of("test")) == 2


def test_alarms(practice: Practice) -> None:
    order = json.loads((practice.folder / "order.json").read_text())
    order["patient"]["id"] = "P-STRANGER"
    (practice.folder / "stranger.json").write_text(json.dumps(order))
    practice.run(
        (
            Run("", "python sample_data/make_images.py stranger.json stranger"),
            Run("", "dicom-gateway store -aet DX1 localhost 11112 stranger/"),
        )
    )
    practice.run(ALARMS)


def test_tokens(practice: Practice) -> None:
    practice.run(TOKENS)


def test_users(practice: Practice) -> None:
    practice.run(USERS)


def test_check(practice: Practice) -> None:
    practice.run(CHECK)


def test_one_role_in_a_folder_made_without_a_name(tmp_path: Path) -> None:
    """`init` without a folder, and `serve --role --log-json`, as the table of docs/commands.md has them."""
    port = str(free_port())
    variables = environment(DICOM_GATEWAY_DICOM__PORT=port)
    subprocess.run(["dicom-gateway", "init"], cwd=tmp_path, env=variables, check=True, timeout=SECONDS)
    assert (tmp_path / "data" / "admin.token").exists()
    with foreground("exec dicom-gateway serve --role dicom --log-json", tmp_path, variables) as role:
        role.wait(lambda: dcmtk("echoscu", "127.0.0.1", port).returncode == 0)
        assert role.end(signal.SIGTERM) == 0
    lines = role.printed().splitlines()
    assert lines
    assert all(isinstance(json.loads(line), dict) for line in lines)
