"""What a device wants of the gateway, by the names of DICOM's SOP classes (PS3.6 A), said to a person.

See plain_words.py. The first pattern that fits counts.
"""

from dicom_gateway.web.pages.language import gettext as _

SERVICES = (
    (r"Verification(?: SOP Class)?", _("test of the connection")),
    (r"Modality Worklist Information Model - FIND", _("worklist")),
    (r"Modality Performed Procedure Step(?: (?:Notification|Retrieve))?(?: SOP Class)?", _("reports (MPPS)")),
    (r"Storage Commitment (?:Push|Pull) Model SOP Class", _("receipts for images")),
    (r".+ Query/Retrieve Information Model - (?:FIND|MOVE|GET).*", _("search of images")),
    (r".* Storage(?: - For (?:Presentation|Processing))?(?: SOP Class)?", _("storing of images")),
    (r"Basic .+ Print Management Meta SOP Class", _("printing")),
)
