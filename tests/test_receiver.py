"""sample_data/receive_webhooks.py: the settings that it prints are right, and a taken port ends it with one line."""

import socket
import subprocess
import sys
from pathlib import Path

from dicom_gateway.settings_loading import load_settings

RECEIVER = Path(__file__).parent.parent / "sample_data" / "receive_webhooks.py"


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(RECEIVER), *arguments], capture_output=True, text=True, cwd=folder, timeout=30
    )


def test_its_settings_are_right_and_it_ends(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text("[dicom]\nport = 11113" + run(tmp_path, "--settings", "9191").stdout)
    (pms,) = load_settings(config).pms
    assert (pms.name, pms.url) == ("sample", "http://127.0.0.1:9191/")
    assert not (tmp_path / "received").exists()


def test_a_secret_of_its_own(tmp_path: Path) -> None:
    secret = "whsec_" + "QUJD" * 8
    assert f'secret = "{secret}"' in run(tmp_path, "--settings", "--secret", secret).stdout
    done = run(tmp_path, "--secret", "whsec_x", "0")
    assert done.returncode == 1 and "whsec_ and base64" in done.stderr and done.stderr.count("\n") == 1


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(tmp_path, str(port))
    assert done.returncode == 1
    assert f"cannot listen on http://127.0.0.1:{port}/" in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
