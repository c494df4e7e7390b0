"""How a try to tell a PMS ended, for a person: a sentence, and what to do next (core/delivery_words.py reads it)."""

from typing import Final, NamedTuple

from dicom_gateway.core.delivery_words import Reading, Told, read_detail
from dicom_gateway.web.pages.language import Text
from dicom_gateway.web.pages.language import gettext as _

_ASK = _("If it stays like this, ask whoever looks after the PMS.")
_SERVER = _("Ask whoever looks after the PMS whether its server runs.")
_NOTHING = _("Nothing needs to be done.")


class Words(NamedTuple):
    """What happened, what to do next, what the gateway does, and what the receiver wrote ("" for nothing)."""

    sentence: Text
    advice: Text
    then: Text | str = ""
    said: str = ""
    event_id: str = ""  # that goes first


TEXTS: Final[dict[Told, tuple[Text, Text]]] = {
    Told.TAKEN: (_("The PMS took it."), _NOTHING),
    Told.ACKNOWLEDGED: (_("The PMS acknowledged it."), _NOTHING),
    Told.NOT_NEEDED: (_("This PMS gets no message about this, so none was sent."), _NOTHING),
    Told.CONNECTED: (_("The connection works; this test sends nothing more."), _NOTHING),
    Told.NOT_TRIED: (_("It has not been tried yet."), _("It goes within seconds, unless the PMS is paused.")),
    Told.BEHIND: (
        _("It waits until an earlier event of the same order is delivered."),
        _("Look at the earlier one first."),
    ),
    Told.CONNECTION_REFUSED: (_("Nobody answered at the address of the PMS."), _SERVER),
    Told.UNREACHABLE: (
        _("The computer of the PMS cannot be reached."),
        _("Check that it is switched on, the network cable, and the address in the connection's settings."),
    ),
    Told.NO_NAME: (
        _("The name of the PMS's computer is not known on the network."),
        _("Check the address in the connection's settings, and the internet access of this computer."),
    ),
    Told.SLOW: (_("The PMS did not answer in time."), _ASK),
    Told.LOST: (_("The PMS closed the connection without an answer."), _ASK),
    Told.ADDRESS: (
        _("The gateway may not send patient data to this address without encryption."),
        _("Enter an https:// address, or switch TLS on, in the connection's settings."),
    ),
    Told.CERTIFICATE: (
        _("The certificate of the PMS is not trusted."),
        _("Ask whoever looks after the PMS to renew it, or to install its authority on this computer."),
    ),
    Told.TLS: (
        _("No encrypted connection came about."),
        _("Check that the port is the one for encrypted connections, and ask whoever looks after the PMS."),
    ),
    Told.TLS_FILES: (
        _("The certificate files of this connection cannot be read."),
        _("Check the file names in the connection's settings."),
    ),
    Told.REDIRECT: (
        _("The PMS answered that it has moved to another address."),
        _("Enter the new address in the connection's settings; the gateway follows no redirects."),
    ),
    Told.NOT_AUTHORISED: (
        _("The PMS does not accept the signature of the gateway."),
        _("Compare the secret in the PMS with that of the connection, and the clocks of both computers."),
    ),
    Told.WRONG_PATH: (
        _("The PMS has nothing at this address."),
        _("Check the path at the end of the address in the connection's settings."),
    ),
    Told.GONE: (
        _("The PMS says that it wants no more events at this address."),
        _("Ask whoever looks after the PMS for the new address, then resume."),
    ),
    Told.TOO_LARGE: (
        _("The event is too large for the PMS."),
        _("Ask whoever looks after the PMS to raise its limit, or send pictures as links in the settings."),
    ),
    Told.BUSY: (_("The PMS is busy and asked to wait."), _ASK),
    Told.FAILED: (
        _("The PMS had an error of its own."),
        _("Tell whoever looks after the PMS, with the time and the number of the event."),
    ),
    Told.REJECTED: (
        _("The PMS does not accept the event as it is."),
        _("Show what it answered to whoever looks after the PMS."),
    ),
    Told.HL7_LATER: (_("The PMS cannot take the message just now."), _ASK),
    Told.HL7_REFUSED: (
        _("The PMS refused the message."),
        _("Look at what it answered: often the order or the patient is not known there."),
    ),
    Told.NO_ACKNOWLEDGEMENT: (
        _("What answered is not the PMS's HL7 service."),
        _("Check address and port in the connection's settings."),
    ),
    Told.INTERNAL: (
        _("The gateway itself could not make the message."),
        _("Look at Health, and report it with the event's number."),
    ),
    Told.UNKNOWN: (_("It could not be delivered."), _ASK),
}


_THEN: Final = {
    "pending": _("The gateway tries again by itself."),
    "parked": _("The gateway does not try any more: once the cause is mended, retry it."),
}
_NOT_FAILED: Final = frozenset({Told.NOT_TRIED, Told.BEHIND})


def words_of(detail: str, status: str = "") -> Words:
    """Return the words for the detail of a delivery; `status` is that of the delivery."""
    return words_of_reading(read_detail(detail), status)


def words_of_reading(reading: Reading, status: str = "") -> Words:
    """Return the words for what the detail of a delivery means."""
    then = "" if reading.told in _NOT_FAILED else _THEN.get(status, "")
    return Words(*TEXTS[reading.told], then, reading.said, reading.event_id)
