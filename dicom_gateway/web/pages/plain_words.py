"""What the core says in the API's words, said to a person at a form or in a list.

A text of the core is one sentence without markup; where a pattern of the tables (plain_fields.py, plain_refusals.py)
fits the whole of it, its message stands for it, with what the pattern named. One that no pattern knows stays as it is.
"""

import re
from dataclasses import replace

from dicom_gateway.web.pages.language import Text
from dicom_gateway.web.pages.plain_fields import FIELDS, USERS
from dicom_gateway.web.pages.plain_refusals import ALARMS, CONFLICTS, MISSING, REASONS, TROUBLE
from dicom_gateway.web.pages.plain_services import SERVICES

LONGEST = 1000  # a longer text is no sentence of ours
TEXTS = tuple(
    (re.compile(pattern, re.DOTALL), message)
    for pattern, message in (*FIELDS, *USERS, *CONFLICTS, *MISSING, *TROUBLE, *ALARMS, *REASONS, *SERVICES)
)


def plain(text: object) -> Text | str:
    """Return what a text of the core says to a person; an unknown one stays as it is."""
    said = str(text)
    for pattern, message in TEXTS if len(said) <= LONGEST else ():
        if found := pattern.fullmatch(said):
            return replace(message, values=found.groupdict())
    return said
