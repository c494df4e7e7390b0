"""Tables: what is typed again is whole on the narrowest terminal, and tab-separated without one."""

import pytest

from dicom_gateway.cli.printing import table

ID = "0123456789abcdef0123456789"
ROW = (ID, "SCHEDULED", "ACC0000000000001", "1.2.840.10008.5.1.4.1.1.1.1.99999", "Doe^Rex\x1b[31m")
HEADINGS = ("Id", "Status", "Accession", "Study", "Patient")


@pytest.mark.parametrize("columns", ["20", "60", "200"])
def test_a_terminal_never_cuts_what_is_typed_again(
    columns: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", columns)
    table(HEADINGS, [ROW, ("", "", "", "", "")])
    printed = capsys.readouterr().out
    assert ID in printed
    assert "ACC0000000000001" in printed
    assert "\u2026" not in printed
    assert "\x1b[31m" not in printed


def test_no_terminal_gets_tabs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    table(HEADINGS, [ROW])
    assert capsys.readouterr().out == "\t".join((*ROW[:4], "Doe^Rex\\x1b[31m")) + "\n"
