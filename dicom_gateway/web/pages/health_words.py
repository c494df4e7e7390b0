"""The health of a gateway in words: its components, its roles, what an alarm asks for, how connections went."""

from typing import Final

from dicom_gateway.web.pages.language import Text
from dicom_gateway.web.pages.language import gettext as _

# Component of the readiness -> what works, and what to do when it does not.
COMPONENTS: Final[dict[str, tuple[Text, Text]]] = {
    "database": (
        _("The database can be read and written"),
        _("Orders and images are refused until it can. Is the disk full or away? The log says more."),
    ),
    "store": (_("Images can be written"), _("The data folder is away, or may not be written: look at the disk.")),
    "space": (_("There is room for images"), _("Images are refused; devices keep them. Make room on the disk.")),
    "running": (_("The program is running"), _("The program is ending just now.")),
    "dicom": (
        _("Devices can call"),
        _("The DICOM port does not answer. The gateway starts it anew by itself; the log says why."),
    ),
}

ROLES: Final[dict[str, Text]] = {
    "dicom": _("Talks with the devices"),
    "intake": _("Takes messages of practice systems in"),
    "worker": _("Finishes examinations and delivers results"),
    "web": _("Shows this page and serves other programs"),
}

ALARMS: Final[dict[str, Text]] = {
    "object refused": _("Have the device set right and send the image again."),
    "instance re-encoded": _("Nothing has to be done. Find out why the device sends twice."),
    "instance conflict": _("Compare the two; tell the maker of the device."),
    "patient differs": _("Find out whose images they are, and match them."),
    "order of a merged patient": _("Tell the practice system whose it is."),
    "no order": _("Find out whose images they are, and match them."),
    "order was cancelled": _("If it was done after all, have the order sent again, or match the images."),
    "accession number of several procedures": _("Match the images; have the device take its orders from the worklist."),
    "incorrect worklist entry selected": _("Have the images corrected at the device and sent again, or match them."),
    "performed step incomplete": _("Nothing for now. Tell the maker of the device."),
    "study not settled": _("It is tried again by itself. If it goes on, report it with the log."),
    "unmatched by hand": _("Match it under To be matched."),
    "setting not in effect": _("Change or remove it under Connections; the detail says why."),
    "delivery parked": _("Mend the receiver, then send it again under Deliveries."),
    "target paused": _("Ask whoever looks after the practice system, then resume under Deliveries."),
    "disk nearly full": _("Make room, or move the data folder."),
    "file missing": _("Send the image again from the device, or restore it from a backup."),
    "object damaged": _("Send the image again from the device, or restore it from a backup."),
    "HL7 not served": _("Renew the certificate files of HL7, and start the gateway again."),
    "DICOM TLS not served": _("Renew the certificate files of DICOM, and start the gateway again."),
}


def alarm_advice(kind: str, detail: str) -> Text | str:
    """Return what an alarm asks for: of a pause by a person, who it was and why."""
    by, colon, because = detail.partition(": ")
    if kind == "target paused" and colon and by.startswith("user "):
        return _(
            "%(name)s paused it: %(reason)s. Resume under Deliveries when that is over.",
            name=by.removeprefix("user "), reason=because.rstrip("."),
        )  # fmt: skip
    return ALARMS.get(kind, "–")


ASSOCIATIONS: Final[dict[str, Text]] = {
    "accepted": _("answered"),
    "released": _("of these, ended normally"),
    "aborted": _("of these, broken off"),
    "refused": _("refused: unknown device or address"),
    "over limit": _("refused: too many at once"),
    "connection refused": _("closed: too many connections"),
    "handshake failed": _("encryption (TLS) failed"),
    "request late": _("nothing was said in time"),
    "request invalid": _("something else than DICOM"),
}
