"""What acknowledgements of all kinds mean, and that anything else means nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_gateway.connectors.hl7.replies import LONGEST_DETAIL, Means, read_reply

MODERN = "ERR||PID^1^3|{}^x^HL70357|E||||the reason\r"
OLD = "ERR|PID^1^3^{}&x\r"


def reply(code: str, err: str = "", rest: str = "") -> bytes:
    return f"MSH|^~\\&|P|||||| ACK|7|P|2.5.1\rMSA|{code}|C1{rest}\r{err}".encode()


CASES = {
    "AA": (reply("AA"), Means.TAKEN, "AA"),
    "lower case": (reply("aa"), Means.TAKEN, "AA"),
    "AA with a warning": (reply("AA", MODERN.format("0")), Means.TAKEN, "AA 0 Message accepted: the reason"),
    "CA": (reply("CA"), Means.WAIT, "CA"),
    "AE": (reply("AE"), Means.FEW, "AE"),
    "AE 101": (reply("AE", MODERN.format("101")), Means.FEW, "AE 101 Required field missing: the reason"),
    "AE 204": (reply("AE", MODERN.format("204")), Means.FEW, "AE 204 Unknown key identifier: the reason"),
    "AE 207": (reply("AE", MODERN.format("207")), Means.LATER, "AE 207 Application internal error: the reason"),
    "CE": (reply("CE"), Means.FEW, "CE"),
    "AR": (reply("AR"), Means.FEW, "AR"),
    "AR 204": (reply("AR", MODERN.format("204")), Means.NEVER, "AR 204 Unknown key identifier: the reason"),
    "CR 200": (reply("CR", MODERN.format("200")), Means.NEVER, "CR 200 Unsupported message type: the reason"),
    "AR 206": (reply("AR", MODERN.format("206")), Means.LATER, "AR 206 Application record locked: the reason"),
    "AR 207": (reply("AR", MODERN.format("207")), Means.LATER, "AR 207 Application internal error: the reason"),
    "AR 101": (reply("AR", MODERN.format("101")), Means.FEW, "AR 101 Required field missing: the reason"),
    "code of its own": (reply("AR", MODERN.format("E-17")), Means.FEW, "AR: the reason"),
    "ERR of 2.3": (reply("AR", OLD.format("204")), Means.NEVER, "AR 204 Unknown key identifier"),
    "MSA-3": (reply("AE", rest="|no such patient"), Means.FEW, "AE: no such patient"),
    "MSA-6": (reply("AR", rest="||||204"), Means.NEVER, "AR 204 Unknown key identifier"),
    "the first code of several": (
        reply("AR", MODERN.format("207") + MODERN.format("204")),
        Means.LATER,
        "AR 207 Application internal error: the reason",
    ),
    "escapes and controls": (reply("AE", rest="|a\\T\\b\x1b[2J"), Means.FEW, "AE: a&b\\x1b[2J"),
}


@pytest.mark.parametrize(("raw", "means", "detail"), CASES.values(), ids=CASES)
def test_what_an_answer_means(raw: bytes, means: Means, detail: str) -> None:
    found = read_reply(raw)
    assert found is not None
    assert (found.means, found.detail, found.control_id) == (means, detail, "C1")


@pytest.mark.parametrize(
    "raw",
    [b"", b"hello", b"MSH|^~\\&|P\r", reply("XX"), reply(""), b"MSA|AA|C1\r", b"HTTP/1.1 400 Bad Request\r\n\r\n"],
)
def test_no_acknowledgement(raw: bytes) -> None:
    assert read_reply(raw) is None


def test_a_long_text_is_cut() -> None:
    found = read_reply(reply("AE", rest="|" + "x" * 9999))
    assert found is not None and len(found.detail) == LONGEST_DETAIL + 1


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60) | st.text("MSHA|^~\\&\rER1024 ", max_size=60).map(lambda text: reply("AE", text)))
def test_nothing_breaks_it(raw: bytes) -> None:
    found = read_reply(raw)
    assert found is None or found.means is not Means.TAKEN
