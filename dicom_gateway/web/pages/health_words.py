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
    "dicom": _("serves devices"),
    "intake": _("takes messages in"),
    "worker": _("finishes studies and delivers"),
    "web": _("this page and the interface for programs"),
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
    "target paused": _("Ask the vendor of the practice system, then resume under Deliveries."),
    "disk nearly full": _("Make room, or move the data folder."),
    "file missing": _("Send the image again from the device, or restore it from a backup."),
    "object damaged": _("Send the image again from the device, or restore it from a backup."),
    "HL7 not served": _("Renew the certificate files of HL7, and start the gateway again."),
    "DICOM TLS not served": _("Renew the certificate files of DICOM, and start the gateway again."),
}

ASSOCIATIONS: Final[dict[str, Text]] = {
    "accepted": _("accepted"),
    "released": _("ended as they should"),
    "aborted": _("broken off"),
    "refused": _("refused: unknown device or address"),
    "over limit": _("refused: too many at once"),
    "connection refused": _("closed: too many connections"),
    "handshake failed": _("encryption (TLS) failed"),
    "request late": _("nothing was said in time"),
    "request invalid": _("something else than DICOM"),
}
