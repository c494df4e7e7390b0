"""The settings of HL7: what is refused with which words, its harmless neighbour, and what follows from them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dicom_gateway.connectors.hl7.limits import Limits
from dicom_gateway.errors import SettingsError
from dicom_gateway.roles import ROLES, listeners_of
from dicom_gateway.settings import Settings
from dicom_gateway.settings_hl7 import Hl7Settings
from dicom_gateway.settings_loading import load_settings

Load = Callable[[str], Settings]
SOURCE = '[[hl7_source]]\nname = "pms"\n'


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    for name in [name for name in os.environ if name.upper().startswith("DICOM_GATEWAY_")]:
        monkeypatch.delenv(name)

    def load(text: str) -> Settings:
        path = tmp_path / "gateway.toml"
        path.write_text(text, encoding="utf-8")
        return load_settings(path)

    return load


# What is written; the setting that is named; a part of what would be right; the harmless neighbour.
BAD = [
    ("[hl7]\nmessage_mb = 257", "hl7.message_mb", "from 1 to 256", "[hl7]\nmessage_mb = 256"),
    ("[hl7]\nquiet_seconds = 0", "hl7.quiet_seconds", "from 1 to 3600", "[hl7]\nquiet_seconds = 1"),
    ("[hl7]\nconnections = 3", "hl7.connections_per_address", "at most 3", "[hl7]\nconnections = 32"),
    ('[hl7]\ntls_key = "k"', "hl7.tls_key", "both", '[hl7]\ntls_certificate = "c"\ntls_key = "k"'),
    ('[hl7]\ntls_client_ca = "c"', "hl7.tls_client_ca", "all three", '[hl7]\ntls_client_ca = ""'),
    ("[messages]\nkeep_days = 0", "messages.keep_days", "from 1 to 36500", "[messages]\nkeep_days = 1"),
    ("[[hl7_source]]", "hl7_source[0].name", '"mypms"', SOURCE),
    (f"{SOURCE}map = 'Vetera'", "hl7_source[0].map", '"vetera"', f'{SOURCE}map = "vetera"'),
    (f"{SOURCE}map = 'none'", "hl7_source[0].map", "default", f'{SOURCE}map = "assistovet"'),
    (f"{SOURCE}map = 'a.toml'", "hl7_source[0].map", "file", SOURCE),
    (f"{SOURCE}character_set = 'x'", "hl7_source[0].character_set", '"8859/1"', f'{SOURCE}character_set = "8859/1"'),
    (f"{SOURCE}folder = 7", "hl7_source[0].folder", "a folder", f'{SOURCE}folder = ""'),
    (
        f"{SOURCE}{SOURCE}sending_application = 'A'",
        "hl7_source[1].name",
        "another name",
        f"{SOURCE}{SOURCE.replace('pms', 'other')}sending_application = 'A'",
    ),
    (
        f"{SOURCE}{SOURCE.replace('pms', 'other')}",
        "hl7_source[1].sending_application",
        "another for each sender",
        f"{SOURCE}{SOURCE.replace('pms', 'other')}sending_facility = 'A'",
    ),
    (
        f"{SOURCE}folder = 'a'\n{SOURCE.replace('pms', 'other')}folder = 'a'",
        "hl7_source[1].folder",
        "another folder",
        f"{SOURCE}folder = 'a'\n{SOURCE.replace('pms', 'other')}folder = 'b'",
    ),
]


@pytest.mark.parametrize(("text", "setting", "right", "neighbour"), BAD, ids=[f"{row[1]}: {row[2]}" for row in BAD])
def test_a_bad_value_is_named_and_its_neighbour_is_fine(
    load: Load, text: str, setting: str, right: str, neighbour: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load(text)
    lines = [line for line in str(caught.value).splitlines() if line.startswith(f"{setting} ")]
    assert len(lines) == 1
    assert right in lines[0].partition("right is")[2]
    load(neighbour)


def test_two_folders_of_nobody_in_particular_beside_a_sender(load: Load) -> None:
    names = ("a", "b")
    folders = "".join(f'[[hl7_source]]\nname = "{name}"\nfolder = "{name}"\n' for name in names)
    assert [one.name for one in load(SOURCE + folders).hl7_source] == ["pms", "a", "b"]


def test_paths_begin_at_the_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('base = "default"\n', encoding="utf-8")
    (source,) = load(f'{SOURCE}folder = "drop"\nmap = "own.toml"').hl7_source
    assert (source.folder, source.map) == (tmp_path / "drop", str(tmp_path / "own.toml"))
    hl7 = load('[hl7]\ntls_certificate = "c.pem"\ntls_key = "k.pem"\ntls_client_ca = "a.pem"').hl7
    assert [hl7.tls_certificate, hl7.tls_key, hl7.tls_client_ca] == [
        tmp_path / name for name in ("c.pem", "k.pem", "a.pem")
    ]


@pytest.mark.parametrize(
    ("text", "listens"),
    [
        ("", False),
        (SOURCE, True),
        (f'{SOURCE}folder = "drop"', False),
        (f'{SOURCE}folder = "drop"\n{SOURCE.replace("pms", "other")}', True),
        (f'[hl7]\ntls_certificate = "c"\ntls_key = "k"\n{SOURCE}', False),
    ],
    ids=["no source", "one that sends", "one that drops files", "both", "no certificate"],
)
def test_there_is_a_listener_once_somebody_sends(load: Load, text: str, listens: bool) -> None:
    names = [listener.name for listener in listeners_of(load(text), ROLES)]
    assert ("hl7" in names) is listens


def test_a_certificate_that_cannot_be_loaded_is_told_only_where_it_is_used(load: Load) -> None:
    tls = '[hl7]\ntls_certificate = "c"\ntls_key = "k"\n'
    assert load(tls).hl7_refusal() is None
    assert "hl7.tls_certificate: there is no file" in str(load(tls + SOURCE).hl7_refusal())


def test_the_limits_are_those_of_the_listener() -> None:
    assert Hl7Settings().as_limits() == Limits()
    changed = Hl7Settings(
        connections=5, connections_per_address=4, message_mb=3, idle_seconds=2, message_seconds=1
    ).as_limits()
    assert changed == Limits(
        connections=5, connections_per_address=4, message_bytes=3 << 20, idle_seconds=2, message_seconds=1
    )
