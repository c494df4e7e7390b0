"""[[pms]] tables: what each type needs, what only the other has, files, and what is made of them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dicom_gateway.connectors.hl7.client import Tls
from dicom_gateway.connectors.hl7.outgoing import Header
from dicom_gateway.connectors.hl7.template import load_template
from dicom_gateway.core.envelope import EventType
from dicom_gateway.errors import SettingsError
from dicom_gateway.settings import PmsSettings, Settings
from dicom_gateway.settings_loading import load_settings

SECRET = "whsec_" + "QUJD" * 8
HOOK = f'[[pms]]\nname = "p"\nurl = "https://pms.example.org"\nsecret = "{SECRET}"\n'
HL7 = '[[pms]]\nname = "p"\ntype = "hl7"\nhost = "192.168.1.30"\n'


def at(host: str) -> str:
    return HL7.replace("192.168.1.30", host)


Load = Callable[[str], Settings]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    for name in [name for name in os.environ if name.upper().startswith("DICOM_GATEWAY_")]:
        monkeypatch.delenv(name)

    def load(text: str) -> Settings:
        path = tmp_path / "gateway.toml"
        path.write_text(text, encoding="utf-8")
        return load_settings(path)

    return load


def one(load: Load, text: str) -> PmsSettings:
    (pms,) = load(text).pms
    return pms


PUBLIC, UNMATCHED = at("8.8.8.8"), 'events = ["study.unmatched"]'
# What is written; the setting that is named; the line; a part of what would be right; the harmless neighbour.
BAD = {
    "no url": (HOOK.replace('url = "https://pms.example.org"\n', ""), "url", 1, "https:// URL", HOOK),
    "no secret": (HOOK.replace(f'secret = "{SECRET}"\n', ""), "secret_file", 1, "exactly one", HOOK),
    "no host": (HL7.replace('host = "192.168.1.30"\n', ""), "host", 1, "host name", HL7),
    "a webhook with a host": (HOOK + 'host = "10.0.0.1"', "host", 5, 'type = "hl7"', HOOK + 'host = ""'),
    "a webhook with a template": (HOOK + 'template = "orm"', "template", 5, 'type = "hl7"', HOOK),
    "hl7 with a url": (HL7 + 'url = "https://pms.example.org"', "url", 5, 'type = "webhook"', HL7 + 'url = ""'),
    "hl7 with a secret": (HL7 + f'secret = "{SECRET}"', "secret", 5, 'type = "webhook"', HL7),
    "port 0": (HL7 + "port = 0", "port", 5, "from 1", HL7 + "port = 1"),
    "a public host": (PUBLIC, "host", 4, "tls = true", PUBLIC + "tls = true"),
    "metadata": (at("169.254.169.254"), "host", 4, "private network", at("pms.local")),
    "links": (HL7 + 'thumbnails = "link"', "thumbnails", 5, '"inline" or "none"', HL7 + 'thumbnails = "inline"'),
    "no such template": (HL7 + 'template = "orx"', "template", 5, '"omg"', HL7 + 'template = "omi"'),
    "no template file": (HL7 + 'template = "none.toml"', "template", 5, '"omg"', HL7 + 'template = "omg"'),
    "no such event": (HL7 + 'events = ["done"]', "events[0]", 5, '"study.received"', HL7 + 'events = ["test"]'),
    "an event without message": (HL7 + UNMATCHED, "events", 5, "order.started", HOOK + UNMATCHED),
    "no such set": (HL7 + 'character_set = "x"', "character_set", 5, "MSH-18", HL7 + 'character_set = "8859/15"'),
    "answer_seconds": (HL7 + "answer_seconds = 61", "answer_seconds", 5, "from 1 to 60", HL7 + "answer_seconds = 60"),
    "a CA without tls": (HL7 + 'tls_ca = "ca.pem"', "tls_ca", 5, "tls = true", HL7 + 'tls_ca = "ca.pem"\ntls = true'),
    "a certificate alone": (
        HL7 + 'tls = true\ntls_certificate = "c.pem"', "tls_certificate", 6, "both or neither",
        HL7 + 'tls = true\ntls_certificate = "c.pem"\ntls_key = "k.pem"',
    ),
    "a key alone": (HL7 + 'tls = true\ntls_key = "k.pem"', "tls_key", 6, "both or neither", HL7 + "tls = true"),
}  # fmt: skip


@pytest.mark.parametrize(("bad", "name", "line", "right", "good"), BAD.values(), ids=BAD)
def test_a_bad_table(load: Load, tmp_path: Path, bad: str, name: str, line: int, right: str, good: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(bad)
    (text,) = str(caught.value).splitlines()
    assert text.startswith(f"pms[0].{name} ({tmp_path / 'gateway.toml'}, line {line}): ")
    assert right in text.split("; right is ")[1]
    assert SECRET not in text
    load(good)


def test_everything_that_is_wrong_is_told_at_once(load: Load) -> None:
    with pytest.raises(SettingsError) as caught:
        load(HOOK + HL7.replace('"p"', '"q"') + 'port = 0\nurl = "https://pms.example.org"')
    assert [line.split(" ")[0] for line in str(caught.value).splitlines()] == ["pms[1].url", "pms[1].port"]


def test_what_is_made_of_a_webhook(load: Load) -> None:
    pms = one(load, HOOK)
    assert (pms.destination, pms.thumbnail_mode, pms.event_types()) == (
        "https://pms.example.org",
        "inline",
        frozenset(),
    )
    assert one(load, HOOK + 'events = ["test"]').event_types() == {EventType.TEST.value}


def test_what_is_made_of_hl7(load: Load, tmp_path: Path) -> None:
    pms = one(load, HL7)
    assert (pms.destination, pms.thumbnail_mode, pms.trust()) == ("mllp://192.168.1.30:2575", "none", None)
    assert pms.event_types() == frozenset(load_template("orm").events)
    assert pms.header() == Header(("DICOM_GATEWAY", "", "", ""), "UNICODE UTF-8", "utf-8")
    more = 'character_set = "8859/1"\nenhanced = true\nreceiving_application = "PIMS"\ntls = true\ntls_ca = "ca.pem"\n'
    pms = one(load, HL7.replace("192.168.1.30", "fd00::1") + more)
    assert pms.header() == Header(("DICOM_GATEWAY", "", "PIMS", ""), "8859/1", "iso8859-1", True)
    assert (pms.destination, pms.trust()) == ("mllps://[fd00::1]:2575", Tls(tmp_path / "ca.pem"))


def test_a_template_of_ones_own_stands_beside_the_settings(load: Load, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(
        'version = "2.4"\n[events]\n"order.started" = { message = "m" }\n'
        '[messages.m]\ntype = "ORM^O01"\nsegments = ["PID|{patient_id}"]\n'
    )
    pms = one(load, HL7 + 'template = "own.toml"')
    assert pms.template == str(tmp_path / "own.toml")
    assert pms.event_types() == {"order.started"}
    (tmp_path / "own.toml").write_text('version = "2.4"\n[events]\n')
    with pytest.raises(SettingsError, match=r"pms\[0\]\.template .*messages: right is a table"):
        load(HL7 + 'template = "own.toml"')
