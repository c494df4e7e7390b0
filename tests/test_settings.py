"""Settings: what is right, what is refused and with which words, where values come from, what is generated."""

import base64
import importlib.resources
import json
import os
import re
import shutil
import subprocess
import tomllib
import traceback
from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_gateway.errors import SettingsError
from dicom_gateway.network import is_loopback, is_private
from dicom_gateway.settings import Listener, Settings
from dicom_gateway.settings_dicom import LimitsSettings
from dicom_gateway.settings_loading import load_settings, settings_origin
from dicom_gateway.settings_text import commented_toml, dotted, known_locations, markdown_table, shown, variable
from dicom_gateway.settings_values import machine_zone
from dicom_gateway.upperlayer.limits import DEFAULT_LIMITS

SECRET = "whsec_" + base64.b64encode(b"sesame-open-sesame-open-sesame!!").decode()
DOCS = Path(__file__).parent.parent / "docs" / "settings.md"
DEVICE = '[[device]]\nae_title = "DX1"\n'
PMS = f'[[pms]]\nname = "p"\nurl = "https://pms.example.org"\nsecret = "{SECRET}"\n'
TEMPLATE = '[[template]]\ncode = "D0274"\nimages = 4\n'
Load = Callable[[str], Settings]


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.upper().startswith("DICOM_GATEWAY_") or name == "TZ"]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str) -> Settings:
        path = tmp_path / "gateway.toml"
        path.write_text(text, encoding="utf-8")
        return load_settings(path)

    return load


def refusal(load: Load, text: str) -> str:
    with pytest.raises(SettingsError) as caught:
        load(text)
    return str(caught.value)


# What is written; the setting that is named; the line; a part of what would be right; the harmless neighbour.
BAD = [
    ("[dicom]\nport = 65536", "dicom.port", 2, "from 0 to 65535", "[dicom]\nport = 65535"),
    ("[dicom]\nport = -1", "dicom.port", 2, "from 0 to 65535", "[dicom]\nport = 0"),
    ("[dicom]\nport = true", "dicom.port", 2, "a whole number", "[dicom]\nport = 1"),
    ('[hl7]\nport = "x"', "hl7.port", 2, "a whole number", '[hl7]\nport = "2575"'),
    ("[web]\nport = 80.5", "web.port", 2, "a whole number", "[web]\nport = 80"),
    ('[dicom]\nae_title = ""', "dicom.ae_title", 2, '"DX1"', '[dicom]\nae_title = "A"'),
    ('[dicom]\nae_title = "   "', "dicom.ae_title", 2, "1 to 16", '[dicom]\nae_title = " A B "'),
    (f'[dicom]\nae_title = "{"A" * 17}"', "dicom.ae_title", 2, "1 to 16", f'[dicom]\nae_title = "{"A" * 16}"'),
    ("[dicom]\nae_title = 'A\\B'", "dicom.ae_title", 2, "without backslash", "[dicom]\nae_title = 'A/B'"),
    ('[dicom]\nae_title = "A\\nB"', "dicom.ae_title", 2, "printable", '[dicom]\nae_title = "A~B"'),
    ('[dicom]\nae_title = "Ä"', "dicom.ae_title", 2, "ASCII", '[dicom]\nae_title = "A"'),
    ("[dicom]\nae_title = 7", "dicom.ae_title", 2, "1 to 16", '[dicom]\nae_title = "7"'),
    ('[dicom]\nhost = ""', "dicom.host", 2, "IP address", '[dicom]\nhost = "::1"'),
    ('[dicom]\nhost = "127.1"', "dicom.host", 2, "IP address", '[dicom]\nhost = "127.0.0.2"'),
    ('[hl7]\nhost = "a b"', "hl7.host", 2, "host name", '[hl7]\nhost = "gateway_1.example"'),
    ('[dicom]\nunknown_devices = "yes"', "dicom.unknown_devices", 2, '"refuse"', '[dicom]\nunknown_devices = "refuse"'),
    ("[dicom]\ncheck_called_ae_title = 2", "dicom.check_called_ae_title", 2, "true or false", ""),
    (
        '[dicom]\nextra_storage_classes = [\n"1.2.3",\n"1.02.3"]',
        "dicom.extra_storage_classes[1]",
        2,
        "a UID",
        '[dicom]\nextra_storage_classes = ["1.2.3", "1.0.3"]',
    ),
    ('[dicom]\nextra_storage_classes = "1.2.3"', "dicom.extra_storage_classes", 2, "a list", ""),
    ('[gateway]\ntime_zone = "Europe/Berln"', "gateway.time_zone", 2, "Europe/Berlin", '[gateway]\ntime_zone = "UTC"'),
    ('[gateway]\ntime_zone = "../UTC"', "gateway.time_zone", 2, "IANA", '[gateway]\ntime_zone = "Etc/UTC"'),
    ('[gateway]\ntime_zone = "America"', "gateway.time_zone", 2, "IANA", '[gateway]\ntime_zone = "America/Lima"'),
    ('[gateway]\ndata_dir = ""', "gateway.data_dir", 2, "a folder", '[gateway]\ndata_dir = "."'),
    ('[gateway]\npractice = "a\\tb"', "gateway.practice", 2, "text", '[gateway]\npractice = "Müller & Söhne"'),
    ('[web]\npublic_url = "gateway"', "web.public_url", 2, "https://", '[web]\npublic_url = "https://gateway:8443/x/"'),
    ('[web]\npublic_url = "http://h?a"', "web.public_url", 2, "without", '[web]\npublic_url = "http://h"'),
    ('[web]\ntls_certificate = "c"', "web.tls_certificate", 2, "both", '[web]\ntls_certificate = "c"\ntls_key = "k"'),
    ('[web]\ntls_key = "k"', "web.tls_key", 2, "both", '[web]\ntls_key = ""'),
    ('[dicom]\ntls_certificate = "c"', "dicom.tls_certificate", 2, "both", '[dicom]\ntls_key = ""'),
    ('[dicom]\ntls_key = "k"', "dicom.tls_key", 2, "both", '[dicom]\ntls_certificate = "c"\ntls_key = "k"'),
    (
        '[dicom]\ntls_client_ca = "a"',
        "dicom.tls_client_ca",
        2,
        "all three",
        '[dicom]\ntls_certificate = "c"\ntls_key = "k"\ntls_client_ca = "a"',
    ),
    (
        '[dicom]\ntls_certificate = "c"\ntls_key = "k"\ntls_port = 11112',
        "dicom.tls_port",
        4,
        "another port",
        "[dicom]\ntls_port = 11112",
    ),
    ("[dicom]\ntls_port = 65536", "dicom.tls_port", 2, "from 0 to 65535", "[dicom]\ntls_port = 0"),
    ("[limits]\nconnections = 0", "limits.connections", 2, "from 1 to 10000", "[limits]\nconnections = 10000"),
    (
        "[limits]\nconnections_per_address = 201",
        "limits.connections_per_address",
        2,
        "at most 200, or a larger limits.connections",
        "[limits]\nconnections_per_address = 200",
    ),
    (
        "[limits]\nassociations = 201",
        "limits.associations",
        2,
        "at most 200, or a larger limits.connections",
        "[limits]\nassociations = 201\nconnections = 201",
    ),
    (
        "[limits]\nassociations_per_device = 101",
        "limits.associations_per_device",
        2,
        "at most 100, or a larger limits.associations",
        "[limits]\nassociations_per_device = 100",
    ),
    ("[limits]\nrequest_kb = 201", "limits.request_kb", 2, "from 8 to 200", "[limits]\nrequest_kb = 200"),
    ("[limits]\nidle_seconds = 0", "limits.idle_seconds", 2, "from 1", "[limits]\nidle_seconds = 1"),
    ("[limits]\nobject_mb = 0", "limits.object_mb", 2, "from 1", "[limits]\nobject_mb = 1"),
    (
        '[limits]\nobject_mb_of = { "1.02.3" = 64 }',
        "limits.object_mb_of",
        2,
        "SOP Class UIDs",
        '[limits]\nobject_mb_of = { "1.2.3" = 64 }',
    ),
    ('[limits]\nobject_mb_of = { "1.2.3" = 0 }', "limits.object_mb_of", 2, "megabytes", "[limits]\nobject_mb_of = {}"),
    ('[limits]\nobject_mb_of = { "1.2.3" = true }', "limits.object_mb_of", 2, "megabytes", "[limits.object_mb_of]"),
    ("[limits]\nobject_mb_of = 64", "limits.object_mb_of", 2, "a table", '[limits.object_mb_of]\n"1.2.3" = 64'),
    (DEVICE + "stock_association = 2", "device[0].stock_association", 3, "true or false", DEVICE),
    (
        DEVICE + 'services = ["store"]',
        "device[0].services[0]",
        3,
        '"worklist" or "mpps" or "storage"',
        DEVICE + 'services = ["storage"]',
    ),
    (DEVICE + 'services = "storage"', "device[0].services", 3, "a list", DEVICE + "services = []"),
    (
        DEVICE + 'character_sets = ["EBCDIC"]',
        "device[0].character_sets[0]",
        3,
        "ISO_IR 100",
        DEVICE + 'character_sets = ["GB18030"]',
    ),
    (
        DEVICE + 'unencodable = "?"',
        "device[0].unencodable",
        3,
        '"transliterate" or "refuse"',
        DEVICE + 'unencodable = "refuse"',
    ),
    (
        DEVICE + 'station_names = ["A\\\\B"]',
        "device[0].station_names[0]",
        3,
        "1 to 16",
        DEVICE + 'station_names = ["Ä"]',
    ),
    (DEVICE + "quiet_seconds = 0", "device[0].quiet_seconds", 3, "from 1 to 604800", DEVICE + 'quiet_seconds = ""'),
    (DEVICE + "associations = 0", "device[0].associations", 3, "from 1 to 10000", DEVICE + "associations = 1"),
    (DEVICE + 'origin = "file"', "device[0].origin", 3, "one of ae_title", DEVICE),
    ('[database]\nurl = "postgresql://db/x"', "database.url", 2, "sqlite:///", '[database]\nurl = "sqlite:///x.db"'),
    ('[database]\nurl = "sqlite:///:memory:"', "database.url", 2, "a file", '[database]\nurl = ""'),
    (
        '[orders]\naccession_prefix = "ABCDEFG"',
        "orders.accession_prefix",
        2,
        "up to 6",
        '[orders]\naccession_prefix="A-B-C9"',
    ),
    ('[orders]\naccession_prefix = "ab"', "orders.accession_prefix", 2, "A-Z", '[orders]\naccession_prefix="AB"'),
    ("[worklist]\nmax_answers = 0", "worklist.max_answers", 2, "from 1", "[worklist]\nmax_answers = 1"),
    ("[completion]\nquiet_seconds = 0", "completion.quiet_seconds", 2, "from 1", "[completion]\nquiet_seconds = 1"),
    ("[storage]\nreserve_mb = -1", "storage.reserve_mb", 2, "from 0", "[storage]\nreserve_mb = 0"),
    ("[dicom]\nprot = 1", "dicom.prot", 2, "dicom.port", ""),
    ("[dicm]\nport = 1", "dicm", 1, "dicom", ""),
    ("port = 1", "port", 1, "dicom.port or hl7.port or web.port", ""),
    ("_env_prefix = 'x'", "_env_prefix", 1, "one of gateway, dicom", ""),
    ("dicom = 5", "dicom", 1, "a table", "[dicom]"),
    ("device = 5", "device", 1, "a list", "device = []"),
    ("device = [5]", "device[0]", 1, "a table", 'device = [{ae_title = "X"}]'),
    (DEVICE + "[[device]]\nport = 104", "device[1].ae_title", 3, "1 to 16", DEVICE + '[[device]]\nae_title = "Y"'),
    (DEVICE + '[[device]]\nae_title = "DX1 "', "device[1].ae_title", 4, "another ae_title", DEVICE),
    (DEVICE + 'modalities = ["dx"]', "device[0].modalities[0]", 3, "capitals", DEVICE + 'modalities = ["DX", "IO"]'),
    (
        DEVICE + 'allowed_from = ["10.0.0.1/8"]',
        "device[0].allowed_from[0]",
        3,
        "the network is 10.0.0.0/8",
        DEVICE + 'allowed_from = ["10.0.0.0/8", "10.0.0.1", "fd00::/8"]',
    ),
    (DEVICE + 'allowed_from = ["DX1"]', "device[0].allowed_from[0]", 3, "an IP network", DEVICE + "allowed_from = []"),
    (DEVICE + "allowed_from = [5]", "device[0].allowed_from[0]", 3, "an IP network", DEVICE),
    (TEMPLATE + TEMPLATE, "template[1].code", 5, "another code", TEMPLATE + TEMPLATE.replace("D0274", "D0275")),
    (TEMPLATE.replace("4\n", "-1\n"), "template[0].images", 3, "a whole number", TEMPLATE),
    (TEMPLATE.replace("D0274", "D 0274"), "template[0].code", 2, "without spaces", TEMPLATE),
    (PMS + PMS, "pms[1].name", 6, "another name", PMS + PMS.replace('"p"', '"q"')),
    (PMS.replace('"p"', '"a b"'), "pms[0].name", 2, "1 to 40", PMS.replace('"p"', '"a-b"')),
    (PMS + 'type = "fhir"', "pms[0].type", 5, '"webhook"', PMS + 'type = "webhook"'),
    (PMS + 'thumbnails = "big"', "pms[0].thumbnails", 5, '"inline" or "link" or "none"', PMS + 'thumbnails = "none"'),
    (PMS + 'sources = [""]', "pms[0].sources[0]", 5, '"mypms"', PMS + 'sources = ["mypms"]'),
    (PMS + 'secret_file = "x"', "pms[0].secret_file", 5, "exactly one", PMS + 'secret_file = ""'),
    (re.sub("secret = .*", "", PMS), "pms[0].secret_file", 1, "exactly one", PMS),
    (re.sub("secret = .*", 'secret_file = "none"', PMS), "pms[0].secret_file", 4, "24 to 64", PMS),
    (PMS.replace(SECRET, "whsec_AAAA"), "pms[0].secret", 4, "24 to 64", PMS),
    (PMS.replace("whsec_", ""), "pms[0].secret", 4, "whsec_", PMS.replace("=", "= ", 1)),
    (PMS.replace("https", "ftp"), "pms[0].url", 3, "https://", PMS),
    (
        PMS.replace("https://pms.example.org", "http://8.8.8.8"),
        "pms[0].url",
        3,
        "https://",
        PMS.replace("https", "http"),
    ),
    (PMS.replace("https://pms.example.org", "http://[fe80::1]/"), "pms[0].url", 3, "https://", PMS),
    (
        PMS.replace("https://pms.example.org", "http://169.254.169.254/"),
        "pms[0].url",
        3,
        "private network",
        PMS.replace("https://pms.example.org", "http://192.168.1.9:8000/x?y=z"),
    ),
    (
        '[dicom]\nunknown_devices = "accept"\n[web]\nhost = "0.0.0.0"',
        "dicom.unknown_devices",
        2,
        '"refuse" or empty',
        '[dicom]\nunknown_devices = "accept"\n[web]\nhost = "localhost"',
    ),
]


@pytest.mark.parametrize(
    ("bad", "name", "line", "right", "good"), BAD, ids=[f"{case[1]}-{i}" for i, case in enumerate(BAD)]
)
def test_a_bad_setting_is_named_with_its_line_and_what_would_be_right(
    load: Load, tmp_path: Path, bad: str, name: str, line: int, right: str, good: str
) -> None:
    text = refusal(load, bad)

    assert text.startswith(f"{name} ({tmp_path / 'gateway.toml'}, line {line}): ")
    assert right in text
    assert "\n" not in text
    load(good)


BAD_VARIABLES = [
    ("DICOM__PORT", "x", "dicom.port", "from 0 to 65535", "104"),
    ("DICOM__PORT", "", "dicom.port", "from 0 to 65535", " 104 "),
    ("DICOM__CHECK_CALLED_AE_TITLE", "maybe", "dicom.check_called_ae_title", "true or false", "true"),
    ("DICOM__EXTRA_STORAGE_CLASSES", "1.2.3", "dicom.extra_storage_classes", "written as JSON", '["1.2.3"]'),
    ("DICOM__EXTRA_STORAGE_CLASSES", '["x"]', "dicom.extra_storage_classes[0]", "a UID", "[]"),
    ("DEVICE", '[{"ae_title": "A", "prot": 1}]', "device[0].prot", "device[0].port", '[{"ae_title": "A", "port": 1}]'),
    ("DEVICE", '[{"ae_title": "A"', "device", "written as JSON", '[{"ae_title": "A"}]'),
    ("DEVICE", '{"ae_title": "A"}', "device", "a list", "[]"),
    ("DEVICE", "null", "device", "a list", "[]"),
    ("LIMITS__OBJECT_MB_OF", "64", "limits.object_mb_of", "a table", '{"1.2.3": 64}'),
    ("LIMITS__OBJECT_MB_OF", "{1.2", "limits.object_mb_of", "a table", "{}"),
    ("LIMITS__OBJECT_MB_OF", "null", "limits.object_mb_of", "a table", "{}"),
    ("LIMITS__REQUEST_KB", "x", "limits.request_kb", "from 8 to 200", "100"),
    ("DEVICE", "[null]", "device[0]", "a table", "[]"),
]


@pytest.mark.parametrize(("name", "bad", "setting", "right", "good"), BAD_VARIABLES)
def test_a_bad_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, bad: str, setting: str, right: str, good: str
) -> None:
    monkeypatch.setenv(f"DICOM_GATEWAY_{name}", bad)
    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert str(caught.value).startswith(f"{setting} (variable DICOM_GATEWAY_{name}): ")
    assert right in str(caught.value)
    monkeypatch.setenv(f"DICOM_GATEWAY_{name}", good)
    load_settings()


UNKNOWN_VARIABLES = [
    ("DICOM_GATEWAY_DICOM__PROT", "dicom.prot", "DICOM_GATEWAY_DICOM__PORT"),
    ("DICOM_GATEWAY_DICOM_PORT", "dicom_port", "DICOM_GATEWAY_DICOM__PORT"),
    ("DICOM_GATEWAY_PORT", "port", "_PORT"),
    ("DICOM_GATEWAY_DICOM", "dicom", "DICOM_GATEWAY_DICOM__"),
    ("DICOM_GATEWAY_DEVICE__0__PORT", "device.0.port", "DICOM_GATEWAY_"),
    ("DICOM_GATEWAY_ZZZ", "zzz", "DICOM_GATEWAY_SECTION__NAME"),
    ("dicom_gateway_dicom__port", "dicom.port", "DICOM_GATEWAY_DICOM__PORT"),
]


@pytest.mark.parametrize(("name", "setting", "right"), UNKNOWN_VARIABLES)
def test_an_unknown_variable_stops_the_program(
    monkeypatch: pytest.MonkeyPatch, name: str, setting: str, right: str
) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(SettingsError) as caught:
        load_settings()

    assert str(caught.value).startswith(f"{setting} (variable {name}): there is no such setting; right is ")
    assert right in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_problem_has_its_line(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICOM_GATEWAY_WEB__PORT", "x")
    monkeypatch.setenv("DICOM_GATEWAY_NOTHING", "1")
    text = refusal(load, f'[dicom]\nport = -1\nae = "A"\n{DEVICE}{DEVICE}{DEVICE}')

    names = [line.partition(" (")[0] for line in text.splitlines()]
    assert sorted(names) == [
        "device[1].ae_title",
        "device[2].ae_title",
        "dicom.ae",
        "dicom.port",
        "nothing",
        "web.port",
    ]


def test_the_environment_beats_the_file_and_each_value_knows_its_origin(
    load: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DICOM_GATEWAY_DICOM__PORT", "105")
    monkeypatch.setenv("DICOM_GATEWAY_DEVICE", json.dumps([{"ae_title": "IO1", "modalities": ["IO"]}]))
    found = load(f'[dicom]\nport = 104\nae_title = "GW"\n{DEVICE}{PMS}')

    assert (found.dicom.port, found.dicom.ae_title) == (105, "GW")
    assert [(item.ae_title, item.modalities) for item in found.device] == [("IO1", ("IO",))]
    origin = settings_origin(found)
    assert origin["dicom.port"] == "DICOM_GATEWAY_DICOM__PORT"
    assert origin["device"] == "DICOM_GATEWAY_DEVICE"
    assert origin["dicom.ae_title"] == origin["pms"] == str(tmp_path / "gateway.toml")
    assert origin["hl7.port"] == "default"
    assert set(settings_origin(Settings()).values()) == {"default"}


def test_every_setting_can_be_written_as_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = load_settings()
    values: Any = defaults.model_dump(mode="json")
    for location in known_locations():
        value = values[location[0]] if len(location) == 1 else values[location[0]][location[1]]
        text = value or "" if value is None or isinstance(value, str) else json.dumps(value)
        monkeypatch.setenv(variable(location), text)

    found = load_settings()
    assert found.model_dump() == defaults.model_dump()
    assert settings_origin(found) == {dotted(location): variable(location) for location in known_locations()}


@pytest.mark.parametrize("way", ["argument", "variable", "current folder"])
def test_the_file_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: str) -> None:
    (tmp_path / "gateway.toml").write_text('[gateway]\npractice = "current folder"')
    for name in ("argument", "variable"):
        (tmp_path / name).write_text(f'[gateway]\npractice = "{name}"')
    if way != "current folder":
        monkeypatch.setenv("DICOM_GATEWAY_CONFIG", "variable")

    assert load_settings(Path("argument") if way == "argument" else None).gateway.practice == way


@pytest.mark.parametrize("way", ["--config", "variable DICOM_GATEWAY_CONFIG"])
def test_a_missing_file_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setenv("DICOM_GATEWAY_CONFIG", "absent.toml" if way != "--config" else "")
    with pytest.raises(SettingsError, match=re.escape(f"absent.toml ({way}) does not exist")):
        load_settings(Path("absent.toml") if way == "--config" else None)
    monkeypatch.delenv("DICOM_GATEWAY_CONFIG")
    assert load_settings() == Settings().relative_to(Path.cwd())


BROKEN = [
    (b"[dicom\nport = 1", "line 1"),
    (b"[dicom]\nport = 1\nport = 2\n", "line 3"),
    (b"practice = '\xff'", "UTF-8 at byte 12"),
    (b"[dicom]\nport = " + b"9" * 5000, "is not TOML"),
]


@pytest.mark.parametrize(("content", "part"), BROKEN)
def test_a_broken_file_is_an_error(tmp_path: Path, content: bytes, part: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert str(caught.value).startswith(str(path))
    assert part in str(caught.value)


def test_a_folder_is_no_settings_file_and_a_byte_order_mark_is_harmless(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is not a file"):
        load_settings(tmp_path)
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbf[dicom]\r\nport = 104\r\n")
    assert load_settings(tmp_path / "a.toml").dicom.port == 104


def test_relative_paths_begin_at_the_folder_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "secret").write_text(f"{SECRET}\n")
    text = (
        '[gateway]\ndata_dir = "d"\n[web]\ntls_certificate = "c"\ntls_key = "/k"\n[database]\nurl = "sqlite:///x.db"\n'
        '[dicom]\ntls_certificate = "e"\ntls_key = "/f"\ntls_client_ca = "g"\n'
    )
    (folder / "a.toml").write_text(text + re.sub("secret = .*", 'secret_file = "secret"', PMS))
    monkeypatch.chdir(tmp_path)
    found = load_settings(Path("etc/a.toml"))

    assert found.gateway.data_dir == folder / "d"
    assert (found.web.tls_certificate, found.web.tls_key) == (folder / "c", Path("/k"))
    assert (found.dicom.tls_certificate, found.dicom.tls_key) == (folder / "e", Path("/f"))
    assert found.dicom.tls_client_ca == folder / "g"
    assert found.database_path() == folder / "x.db"
    assert found.pms[0].secret_file == folder / "secret"
    assert found.pms[0].signing_secret().get_secret_value() == SECRET


def test_without_a_file_paths_begin_at_the_current_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert load_settings().database_path() == tmp_path / "data" / "gateway.db"
    monkeypatch.setenv("DICOM_GATEWAY_DATABASE__URL", "sqlite:////srv/x.db")
    assert load_settings().database_path() == Path("/srv/x.db")


LEAKS = [
    PMS.replace("whsec_", "whsec"),
    PMS.replace("secret =", "secrett ="),
    PMS.replace("secret =", "name ="),
    PMS + 'secret_file = "x"',
    PMS + PMS,
    PMS + "type = 5",
    f'pms = "{SECRET}"',
    f'pms = ["{SECRET}"]',
    f'[pms]\nsecret = "{SECRET}"',
    f'[gateway]\ntime_zone = "{SECRET}"',
    '[database]\nurl = "postgresql://u:c2VzYW1l pw@h/x"',
    '[web]\npublic_url = "https://u:c2VzYW1l@h"',
    PMS.replace("https://pms.example.org", "http://8.8.8.8/?token=c2VzYW1l"),
    PMS.replace(SECRET, "c2VzYW1l"),
]


@pytest.mark.parametrize("text", LEAKS)
def test_no_error_shows_a_secret(load: Load, text: str) -> None:
    assert "c2VzYW1l" in text  # the beginning of the secret's base64
    with pytest.raises(SettingsError) as caught:
        load(text)
    assert "c2VzYW1l" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("value", [f'[{{"secret": "{SECRET}"', f'"{SECRET}"', f'[{{"secret": 5, "url": "{SECRET}"}}]'])
def test_no_error_shows_a_secret_of_the_environment(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DICOM_GATEWAY_PMS", value)
    with pytest.raises(SettingsError, match="variable DICOM_GATEWAY_PMS") as caught:
        load_settings()
    assert "c2VzYW1l" not in "".join(traceback.format_exception(caught.value))


def test_no_repr_shows_a_secret_and_a_bad_secret_file_neither(load: Load, tmp_path: Path) -> None:
    found = load(PMS)
    assert "c2VzYW1l" not in f"{found!r} {found} {found.model_dump_json()} {settings_origin(found)}"
    assert found.pms[0].signing_secret().get_secret_value() == SECRET
    (tmp_path / "secret").write_text(SECRET.replace("whsec_", "whsec"))
    text = refusal(load, re.sub("secret = .*", 'secret_file = "secret"', PMS))
    assert text.startswith("pms[0].secret_file (")
    assert "c2VzYW1l" not in text


def test_a_bad_value_is_shown_escaped_and_short(load: Load) -> None:
    assert '"\\u001b[2J"' in refusal(load, '[dicom]\nae_title = "\\u001B[2J"')
    assert len(refusal(load, f'[dicom]\nhost = "{"a" * 9999}"')) < 400
    assert "a huge number" in refusal(load, f"[dicom]\nport = 0x{'f' * 6000}")
    assert "\\x1b" in refusal(load, '"\\u001B" = 1')


LOOPBACK = ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]
BEYOND = ["0.0.0.0", "::", "", "10.0.0.1", "128.0.0.1", "localhost.example", "127.0.0.1.example", "::2", "127.1"]


@pytest.mark.parametrize("host", LOOPBACK + BEYOND)
def test_loopback(host: str) -> None:
    assert is_loopback(host) is (host in LOOPBACK)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("10.1.2.3", True),
        ("172.31.0.1", True),
        ("172.32.0.1", False),
        ("192.168.0.1", True),
        ("192.169.0.1", False),
        ("fd00::1", True),
        ("fe80::1", False),
        ("169.254.169.254", False),
        ("::ffff:10.0.0.1", True),
        ("::ffff:8.8.8.8", False),
        ("localhost", True),
        ("pms.example.org", None),
    ],
)
def test_private(host: str, expected: bool | None) -> None:
    assert is_private(host) is expected


@pytest.mark.parametrize(
    ("text", "accepts"),
    [
        ("", True),
        ('[web]\nhost = "0.0.0.0"', False),
        ('[hl7]\nhost = "10.0.0.1"', False),
        ('[dicom]\nhost = "::"', False),
        ('[dicom]\nunknown_devices = "refuse"', False),
        ('[dicom]\nunknown_devices = "accept"', True),
        ('[dicom]\nunknown_devices = ""\nhost = "::1"', True),
    ],
)
def test_unknown_devices_are_accepted_on_loopback_only(load: Load, text: str, accepts: bool) -> None:
    assert load(text).accepts_unknown_devices() is accepts


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", None),
        ('host = "0.0.0.0"', "web.host"),
        ('host = "0.0.0.0"\nbehind_proxy = true', None),
        ('tls_certificate = "empty"\ntls_key = "absent"', "web.tls_key"),
        ('tls_certificate = "empty"\ntls_key = "empty"', "cannot be loaded"),
    ],
)
def test_the_web_role_needs_tls_beyond_loopback(load: Load, tmp_path: Path, text: str, part: str | None) -> None:
    (tmp_path / "empty").touch()
    refused = load(f"[web]\n{text}").web_refusal()
    assert refused is None if part is None else part in str(refused)


def openssl(*arguments: str) -> None:
    program = shutil.which("openssl")
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("the openssl command is missing: TLS was NOT tested")
    subprocess.run([program, *arguments], check=True, capture_output=True)


def test_only_a_certificate_with_its_own_open_key_is_served(load: Load, tmp_path: Path) -> None:
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost".split()
    for name in ("own", "other"):
        openssl(*request, "-keyout", str(tmp_path / f"{name}.key"), "-out", str(tmp_path / f"{name}.pem"))
    closed = ["-in", str(tmp_path / "own.key"), "-out", str(tmp_path / "closed.key")]
    openssl("pkcs8", "-topk8", "-v2", "aes-128-cbc", "-passout", "pass:sesame", *closed)

    def refusal(key: str) -> str | None:
        return load(f'[web]\nhost = "0.0.0.0"\ntls_certificate = "own.pem"\ntls_key = "{key}"').web_refusal()

    assert refusal("own.key") is None
    for key in ("other.key", "closed.key", "own.pem"):
        said = str(refusal(key))
        assert "web.tls_certificate" in said and key in said and "\n" not in said


def test_values_have_their_types(load: Load) -> None:
    found = load(DEVICE + 'allowed_from = ["192.168.1.0/24", "fd00::1"]\n' + '[web]\npublic_url = "https://h/x/"')
    assert found.device[0].allowed_from == (ip_network("192.168.1.0/24"), ip_network("fd00::1/128"))
    assert found.web.public_url == "https://h/x"
    assert found.listeners() == (
        Listener("dicom", "127.0.0.1", 11112),
        Listener("hl7", "127.0.0.1", 2575),
        Listener("web", "127.0.0.1", 8080),
    )


def test_dicom_over_tls_is_a_listener_once_it_has_a_certificate(load: Load) -> None:
    assert [place.name for place in load("[dicom]\ntls_port = 12762").listeners()] == ["dicom", "hl7", "web"]
    tls = '[dicom]\nhost = "::1"\ntls_port = 12762\ntls_certificate = "c"\ntls_key = "k"'
    (_, secure, *_) = load(tls).listeners()
    assert secure == Listener("dicom_tls", "::1", 12762)
    assert (secure.host_setting, secure.port_setting) == (("dicom", "host"), ("dicom", "tls_port"))
    text = refusal(load, tls.replace("::1", "0.0.0.0") + '\nunknown_devices = "accept"')
    assert "while dicom.host listens beyond" in text


def test_why_dicom_over_tls_is_not_served(load: Load, tmp_path: Path) -> None:
    assert load("").dicom_tls_refusal() is None
    (tmp_path / "empty").touch()
    refused = load('[dicom]\ntls_certificate = "empty"\ntls_key = "absent"').dicom_tls_refusal()
    assert refused == f"dicom.tls_key: there is no file {tmp_path / 'absent'}"
    refused = load('[dicom]\ntls_certificate = "empty"\ntls_key = "empty"').dicom_tls_refusal()
    assert refused is not None and refused.startswith("dicom.tls_certificate: ")


def test_limits_are_those_of_the_association_layer_unless_set(load: Load) -> None:
    assert load("").limits.as_limits() == DEFAULT_LIMITS
    names = [name for name in LimitsSettings.model_fields if name != "object_mb_of"]
    changed = {name: 7 + number for number, name in enumerate(reversed(names))}
    text = "\n".join(f"{name} = {value}" for name, value in changed.items())
    found = load(f'[limits]\n{text}\n[limits.object_mb_of]\n"1.2.3" = 5').limits.as_limits()
    units = {"_kb": 1 << 10, "_mb": 1 << 20, "_of": 1 << 20}
    for name, value in changed.items():
        unit = units.get(name[-3:], 1)
        assert getattr(found, re.sub("_[km]b$", "_bytes", name)) == value * unit, name
    assert found.object_bytes_of == {"1.2.3": 5 << 20}


def test_the_zone_is_the_practices_else_the_machines(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert load("").zone() == ZoneInfo("Asia/Tokyo")
    assert load('[gateway]\ntime_zone = "Europe/Berlin"').zone() == ZoneInfo("Europe/Berlin")
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    assert refusal(load, "").startswith("gateway.time_zone (variable TZ): ")
    assert load('[gateway]\ntime_zone = "Europe/Berlin"').zone() == ZoneInfo("Europe/Berlin")


def test_the_zone_of_the_machine(tmp_path: Path) -> None:
    zones = tmp_path / "zoneinfo" / "Europe"
    zones.mkdir(parents=True)
    (zones / "Berlin").touch()
    link = tmp_path / "localtime"
    link.symlink_to(zones / "Berlin")

    assert machine_zone({}, link) == ZoneInfo("Europe/Berlin")
    assert machine_zone({"TZ": "Asia/Tokyo"}, link) == ZoneInfo("Asia/Tokyo")
    assert machine_zone({"TZ": ":Asia/Tokyo"}, link) == ZoneInfo("Asia/Tokyo")
    assert machine_zone({"TZ": f":{link}"}, tmp_path / "absent") == ZoneInfo("Europe/Berlin")
    assert machine_zone({"TZ": ""}, link) == ZoneInfo("UTC")
    assert machine_zone({}, tmp_path / "absent") == ZoneInfo("UTC")


def test_a_copied_localtime_is_read(tmp_path: Path) -> None:
    source = importlib.resources.files("tzdata") / "zoneinfo" / "Asia" / "Tokyo"
    with importlib.resources.as_file(source) as path:
        shutil.copy(path, tmp_path / "localtime")
    (tmp_path / "text").write_text("no zone")
    zone = machine_zone({}, tmp_path / "localtime")
    assert datetime(2026, 1, 1, tzinfo=zone).isoformat().endswith("+09:00")
    with pytest.raises(SettingsError, match="gateway.time_zone"):
        machine_zone({}, tmp_path / "text")


def test_the_commented_file_loads_to_the_defaults(load: Load) -> None:
    text = commented_toml()
    assert load(text) == load("")
    assert "token" not in text
    assert all(line == "" or line[0] in "#[" for line in text.splitlines())


def test_the_commented_file_has_every_setting_and_loads_without_its_comment_marks(load: Load) -> None:
    text = re.sub(r"^# (?=\[\[|\w+ = )", "", commented_toml(), flags=re.MULTILINE)
    plain = text[: text.index("\n[[device]]")]
    written = tomllib.loads(plain)

    assert load(plain).model_dump() == load("").model_dump()
    assert [(section, name) for section in written for name in written[section]] == [
        location for location in known_locations() if len(location) == 2
    ]
    assert refusal(load, text).startswith("pms[0].secret (")  # the example's secret is nobody's
    found = load(text.replace("whsec_PUT-A-SECRET-HERE", SECRET))
    assert (found.device[0].ae_title, found.pms[0].name) == ("DX1", "front-desk")


def test_the_manual_has_the_table_of_all_settings() -> None:
    again = "write the table of docs/settings.md anew from dicom_gateway.settings_text.markdown_table()"
    assert DOCS.read_text(encoding="utf-8").endswith(f"## All settings\n\n{markdown_table()}"), again
    assert all(variable(location) in markdown_table() for location in known_locations())
    assert all(line.count(" | ") == 3 for line in markdown_table().splitlines())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.dates(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=9), inner, max_size=2),
    max_leaves=3,
)
PLACES = [("dicom",), ("pms", 0), *known_locations()]
PLACES += [
    ("device", 0, name) for name in ("ae_title", "host", "port", "modalities", "allowed_from", "stock_association")
]
PLACES += [("pms", 0, name) for name in ("name", "type", "url", "secret", "secret_file", "sources", "thumbnails")]
PLACES += [("template", 0, name) for name in ("code", "images", "label")]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.sampled_from(PLACES), value=VALUES)
def test_whatever_is_written_it_is_taken_or_refused_by_name(
    load: Load, place: tuple[str | int, ...], value: object
) -> None:
    text = " = ".join([".".join(str(part) for part in place if isinstance(part, str)), _toml(value)])
    if len(place) > 1 and place[1] == 0:
        text = f"{place[0]} = [{{ {place[2]} = {_toml(value)} }}]" if len(place) == 3 else f"pms = [{_toml(value)}]"
    try:
        load(text)
    except SettingsError as error:
        assert str(error).startswith(str(place[0]))


def _toml(value: object) -> str:
    match value:
        case bool() | int():
            return json.dumps(value)
        case float():
            return str(value) if str(value).strip("-") in ("nan", "inf") or "." in str(value) else f"{value:f}"
        case list():
            return f"[{', '.join(_toml(item) for item in value)}]"
        case dict():
            return "{" + ", ".join(f"{_toml(str(key))} = {_toml(item)}" for key, item in value.items()) + "}"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case _:
            return '""' if value is None else str(value)


def test_letters_are_shown_as_they_are_and_only_what_cannot_be_seen_is_escaped() -> None:
    assert shown("Müller × 2") == '"Müller × 2"'
    assert shown("a\x1bb\u202ec") == '"a\\u001bb\\u202ec"'
