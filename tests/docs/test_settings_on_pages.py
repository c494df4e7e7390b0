"""Settings that the pages show can be loaded as they stand: ```toml blocks, `name = value` spans, variables."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from dicom_gateway.settings_loading import load_settings, settings_origin
from dicom_gateway.settings_text import commented_toml
from tests.docs.checkout import SECONDS, environment
from tests.docs.pages import PAGES, Block, blocks, read
from tests.docs.runs import SECRET

TOML = [block for page in PAGES for block in blocks(page, "toml")]
SPANS = sorted({span for page in PAGES for span in re.findall(r"`([a-z_]+\.[a-z_]+ = [^`]+)`", read(page))})
LOADED = "from dicom_gateway.settings_loading import load_settings; print(load_settings().model_dump_json())"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("DICOM_GATEWAY_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize("block", TOML, ids=lambda block: f"{block.page}:{block.line}")
def test_a_block_is_added_to_what_init_writes(block: Block, tmp_path: Path) -> None:
    subprocess.run(["sh", "-c", f"{SECRET} > mypms.secret"], cwd=tmp_path, check=True, timeout=SECONDS)
    (tmp_path / "gateway.toml").write_text(f"{commented_toml()}\n{block.text}", encoding="utf-8")
    settings = load_settings(tmp_path / "gateway.toml")
    tables = (settings.device, settings.hl7_source, settings.pms)
    assert sum(map(len, tables)) == block.text.count("[[")


def test_pages_have_blocks_and_spans() -> None:
    assert {block.page for block in TOML} >= {"docs/devices.md", "docs/webhook.md"}
    assert "dicom.port = 104" in SPANS


@pytest.mark.parametrize("span", SPANS)
def test_a_setting_in_a_sentence(span: str, tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    path.write_text(f"{span}\n", encoding="utf-8")
    assert settings_origin(load_settings(path))[span.split()[0]] == str(path)


def test_variables(tmp_path: Path) -> None:
    (block,) = blocks("docs/settings.md", "sh")
    script = f"set -ae\n{block.text}exec '{sys.executable}' -c '{LOADED}'\n"
    done = subprocess.run(
        ["sh"], input=script, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, done.stderr
    for value in ('"port":104', '"1.2.840.113663.1500.1.2"', '"ae_title":"DX1"', "192.168.1.20"):
        assert value in done.stdout
