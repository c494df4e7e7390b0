"""What the intake says when it is to serve HL7 and was given nothing that listens."""

from pathlib import Path

import pytest

from dicom_gateway.gateway import Gateway
from dicom_gateway.intake import Intake
from dicom_gateway.settings_loading import load_settings
from tests.certificates import made

SOURCE = '[{"name": "pms"}]'


def alarms(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **variables: str) -> list[str]:
    """Return the alarms of an intake with one HL7 source and without a listener."""
    values = {"GATEWAY__DATA_DIR": str(tmp_path / "data"), "HL7_SOURCE": SOURCE, **variables}
    for name, value in values.items():
        monkeypatch.setenv(f"DICOM_GATEWAY_{name}", value)
    gateway = Gateway(load_settings())
    gateway.migrate()
    try:
        Intake(gateway, None, lambda: False)
        return [row["detail"] for row in gateway.audit.alarms()]
    finally:
        gateway.close()


def test_no_alarm_of_a_certificate_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert alarms(monkeypatch, tmp_path) == []


def test_a_certificate_that_was_mended_later_needs_a_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pair = made(tmp_path, "gateway")
    (detail,) = alarms(monkeypatch, tmp_path, HL7__TLS_CERTIFICATE=str(pair.certificate), HL7__TLS_KEY=str(pair.key))
    assert "certificate could not be loaded" in detail and "start it again" in detail
