"""Every detail that a transport writes is understood."""

import errno

import pytest

from dicom_gateway.connectors.hl7.errors import MEANINGS
from dicom_gateway.connectors.hl7.replies import Reply
from dicom_gateway.connectors.http_transport import ERRNOS, FAILURES, refusal
from dicom_gateway.connectors.webhook import outcome_of
from dicom_gateway.core.delivery_words import Reading, Told, read_detail

NOW = 1_800_000_000_000_000
DETAILS = {
    "": Reading(Told.NOT_TRIED),
    "waits for evt_12": Reading(Told.BEHIND, event_id="evt_12"),
    "200 OK": Reading(Told.TAKEN),
    "299": Reading(Told.TAKEN),
    "307 Temporary Redirect: redirects are not followed": Reading(Told.REDIRECT),
    "401 Unauthorized: bad signature": Reading(Told.NOT_AUTHORISED, "bad signature"),
    "404 Not Found": Reading(Told.WRONG_PATH),
    "410 Gone": Reading(Told.GONE),
    "422 Unprocessable Entity: what: is this": Reading(Told.REJECTED, "what: is this"),
    "418 I'm a Teapot": Reading(Told.REJECTED),
    "500 Internal Server Error: Traceback": Reading(Told.FAILED, "Traceback"),
    "503 Service Unavailable": Reading(Told.BUSY),
    "no complete answer within 30 s": Reading(Told.SLOW),
    "the host name has no address": Reading(Told.NO_NAME),
    "the host name cannot be resolved": Reading(Told.NO_NAME),
    "the host name was not resolved within 12 s": Reading(Told.NO_NAME),
    "the connection was lost": Reading(Told.LOST),
    "the connection was closed without an answer": Reading(Told.LOST),
    "the certificate is not accepted: certificate has expired": Reading(Told.CERTIFICATE, "certificate has expired"),
    "TLS failed": Reading(Told.TLS),
    "TLS failed: WRONG_VERSION_NUMBER": Reading(Told.TLS),
    "the files for TLS cannot be loaded (No such file or directory)": Reading(Told.TLS_FILES),
    "the message was not taken within 20 s": Reading(Told.SLOW),
    "the application's answer did not come within 20 s": Reading(Told.SLOW),
    "what was answered is no acknowledgement of this message": Reading(Told.NO_ACKNOWLEDGEMENT),
    "the answer is larger than 1048576 bytes": Reading(Told.NO_ACKNOWLEDGEMENT),
    "not sent: the template has no message for it": Reading(Told.NOT_NEEDED),
    "connected to 127.0.0.1:2575; nothing was sent: the template has no message for it": Reading(Told.CONNECTED),
    "connected, and answered AE; it takes no test messages, which is usual": Reading(Told.CONNECTED),
    "internal error: KeyError": Reading(Told.INTERNAL),
    "what nobody thought of": Reading(Told.UNKNOWN, "what nobody thought of"),
    "refused: 8.8.8.8 is a public address; use tls = true": Reading(Told.ADDRESS),
}


@pytest.mark.parametrize(("detail", "reading"), DETAILS.items(), ids=[detail[:40] or "none" for detail in DETAILS])
def test_a_detail_is_understood(detail: str, reading: Reading) -> None:
    assert read_detail(detail) == reading


def test_what_the_transport_for_webhooks_writes() -> None:
    limits = {"connect": 5.0, "read": 20.0, "write": 20.0}
    written = [*ERRNOS.values(), *(text.format_map(limits) for _, text in FAILURES)]
    written += [reason for address in ("8.8.8.8", "169.254.1.1", "nonsense") if (reason := refusal(address, "http"))]
    assert len(written) == len(ERRNOS) + len(FAILURES) + 3
    assert [text for text in written if read_detail(text).told is Told.UNKNOWN] == []
    assert read_detail(ERRNOS[errno.ECONNREFUSED]).told is Told.CONNECTION_REFUSED


@pytest.mark.parametrize("status", range(200, 600))
def test_every_status_of_a_webhook_has_words(status: int) -> None:
    outcome = outcome_of(status, {}, b"no: thank you", NOW)
    reading = read_detail(outcome.detail)
    assert reading.told is not Told.UNKNOWN
    assert (reading.told is Told.TAKEN) == outcome.delivered
    assert (reading.told is Told.GONE) == outcome.gone
    assert reading.said == ("no: thank you" if status >= 400 else "")


@pytest.mark.parametrize("code", ["AE", "AR", "CE", "CR"])
@pytest.mark.parametrize("error", ["", *MEANINGS, "999"])
def test_every_answer_of_hl7_has_words(code: str, error: str) -> None:
    reading = read_detail(Reply(code, "1", error, "PID-3: unknown").detail)
    expected = Told.HL7_LATER if error in ("206", "207") else Told.HL7_REFUSED
    assert reading == Reading(expected, "PID-3: unknown")
    assert read_detail(Reply(code, "1", error).detail) == Reading(expected)


@pytest.mark.parametrize("error", ["", "0"])
def test_an_acknowledgement(error: str) -> None:
    assert read_detail(Reply("AA", "1", error).detail) == Reading(Told.ACKNOWLEDGED)
    assert read_detail(Reply("AA", "1", error, "thanks").detail) == Reading(Told.ACKNOWLEDGED, "thanks")
