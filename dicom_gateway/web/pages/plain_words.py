"""What the core says in the API's words, said to a person at a form or in a list: the table of both.

A text of the core is one sentence without markup; where a pattern of TEXTS fits the whole of it, its message stands for
it, with what the pattern named. A text that no pattern knows stays as it is.
"""

import re
from dataclasses import replace

from dicom_gateway.web.pages.language import Text
from dicom_gateway.web.pages.language import gettext as _

_FIELDS = (
    (r"is required(:.*)?|must not be empty", _("Please fill this in.")),
    (r"must have at most (?P<count>\d+) characters", _("This is too long: at most %(count)s characters.")),
    (r"must have at most (?P<count>\d+) entries", _("These are too many: at most %(count)s.")),
    (r"must be at least (?P<least>\S+)", _("Enter a number from %(least)s upwards.")),
    (r"must be at most (?P<most>\S+)", _("Enter a number up to %(most)s.")),
    (r"must be more than (?P<least>\S+)", _("Enter a number above %(least)s.")),
    (r"must be less than (?P<most>\S+)", _("Enter a number below %(most)s.")),
    (r"must be a whole number|must be a number of fewer digits", _("Enter a whole number.")),
    (r"must be a (finite )?number(, not .*)?|is not a number.*", _("Enter a number.")),
    (r"must be (?P<choices>'[^']*'(?:(?:, | or )'[^']*')*)", _("Choose one of these: %(choices)s.")),
    (
        r"must not hold control characters( or a backslash)?",
        _("This holds an invisible character, such as a tab. Please type it again."),
    ),
    (
        r"must not hold a backslash.*",
        _("The character \\ cannot be used here: devices would take it for a separator."),
    ),
    (
        r"a person name has at most three component groups.*",
        _("The character = cannot be used that often in a name."),
    ),
    (
        r"each component group of a person name has at most (?P<count>\d+) characters",
        _("This name is too long for a device: at most %(count)s characters."),
    ),
    (
        r"a person name has at most five components.*",
        _("The character ^ cannot be used that often in a name: it separates family name, given name and titles."),
    ),
    (r"must be a UID.*|is no UID", _("This is not a UID: numbers with dots between them, at most 64 characters.")),
    (
        r"must be an AE title.*|is not an AE title.*",
        _("An AE title has 1 to 16 letters, digits or spaces; no umlauts and no \\."),
    ),
    (r"is not a station name.*", _("A station name has 1 to 16 characters, without \\.")),
    (
        r"must be a DICOM code such as DX.*",
        _("This is a short code in capitals, such as DX, of at most 16 characters."),
    ),
    (r"does not fit; right is a modality.*", _("A modality is a short code in capitals, such as DX or IO.")),
    (r"is not a character set of DICOM.*", _("DICOM knows no such character set. Most devices read ISO_IR 100.")),
    (
        r"is neither an IP address nor a host name.*",
        _("Enter an address such as 192.168.1.20, or the name of a computer."),
    ),
    (r"is not an IP network.*", _("Enter an address such as 192.168.1.20, or a network such as 192.168.1.0/24.")),
    (
        r"is an address inside a network; the network is (?P<network>[^;]+)(;.*)?",
        _("This is an address inside a network. The network is %(network)s."),
    ),
    (r"must be a language tag.*", _("Enter the code of a language, such as de or fr-CH.")),
    (r"must be a date such as.*", _("Enter a date: year, month and day.")),
    (r"must not be before (?P<year>\d+)", _("This date is before the year %(year)s. Please check it.")),
    (r"must not be after today.*", _("This date is in the future. Please check it.")),
    (r"must be a date and time such as.*|must be a text such as.*", _("Enter a date and a time.")),
    (r"must be a year from (?P<first>\d+) to (?P<last>\d+)", _("Enter a year from %(first)s to %(last)s.")),
    (
        r"""['"](?P<tooth>.*)['"] is not a tooth( in the .*)?""",
        _("There is no tooth %(tooth)s: enter the two digits of FDI, such as 36."),
    ),
    (r"is not known here|is not a field of an? \w+", _("This field is not known here.")),
    (r"cannot be taken as it is", _("This cannot be used as it is. Please check it.")),
    (
        r"holds a space or a control character|is not a URL|does not begin with http.*",
        _("Enter an address that begins with https:// and has no spaces."),
    ),
    (r"holds a user name or a password", _("Enter the address without user name and password.")),
    (r"holds a fragment.*|names port 0", _("This address cannot be called. Please check its end.")),
    (
        r"would send patient data unencrypted.*",
        _("Patient data may leave the practice encrypted only: enter an address that begins with https://."),
    ),
    (
        r"must be 1 to (?P<count>\d+) printable characters, without spaces around them",
        _("Enter 1 to %(count)s characters, without spaces before and after."),
    ),
    (r"(?P<title>.+) is the AE title of the gateway itself", _("%(title)s is the AE title of this gateway itself.")),
)
_USERS = (
    (r"must have at least (?P<count>\d+) characters", _("This is too short: at least %(count)s characters.")),
    (r"must not be your name", _("The password is too much like the name. Please choose another one.")),
    (r"is too easy to guess", _("This password is too easy to guess. Please choose another one.")),
    (r"there is a user named (?P<name>.+) already", _("There is a user named %(name)s already.")),
    (
        r"there is an administrator already: .*",
        _("There is an administrator already. Log in, or ask them to make you a user."),
    ),
    (
        r"the last administrator stays: .*",
        _("This is the last administrator, who must stay. Make another administrator first."),
    ),
    (r"is the same as before", _("This is the password that you have already. Please choose another one.")),
    (r"is not your password", _("This is not your password.")),
    (r"was wrong too often: .*", _("It was wrong too often. Try again in a quarter of an hour.")),
    (r"is not the same as the first one", _("The two passwords differ. Please type both again.")),
    (
        r"is not the first token: .*",
        _("This is not the first token. It stands in the file admin.token in the data folder of the gateway."),
    ),
    (
        r"this is not for your role: .*",
        _("This is not for your role. Ask whoever administrates the gateway if you need it."),
    ),
    (
        r"this form is of another session: .*",
        _("You have logged in anew since this page was loaded. Load it again, and send it once more."),
    ),
    (r"this form came from another site", _("This form came from another site and was not taken.")),
    (r"the form cannot be read", _("This form cannot be read. Load the page again, and send it once more.")),
    (r"no user (?P<name>.+)", _("There is no user %(name)s.")),
)
_CONFLICTS = (
    (
        r"this order exists and belongs to another patient.*",
        _("There is an order of this number already, and it is of another patient."),
    ),
    (
        r"too late to cancel: step .* is \w+(?: \w+)?",
        _("It is too late to cancel this order: the device has begun, or it is done."),
    ),
    (
        r"an order that is (?P<status>\w+) does not allow: .*|a step that is \w+(?: \w+)? does not allow: .*",
        _("This order has moved on meanwhile. Load the page again to see where it is."),
    ),
    (
        r"the study instance UID cannot change once a step has begun",
        _("The device has begun: the number of the study cannot change any more."),
    ),
    (
        r"this accession number belongs to an order of another patient",
        _("This accession number belongs to an order of another patient."),
    ),
    (r"this study instance UID belongs to another order", _("This study belongs to another order.")),
    (r"this study belongs to no order", _("This study belongs to no order.")),
    (
        r"step .* is .* and cannot be left out any more",
        _("The device has begun with a part of this order: it cannot be taken out any more."),
    ),
    (r".* belongs to another procedure of this order", _("This number stands twice in the order.")),
    (r"a token named (?P<name>.+) exists; .*", _("There is an access of the name %(name)s, or there was one.")),
    (r"a device (?P<title>.+) exists; AE titles are unique", _("There is a device %(title)s already.")),
    (
        r"device (?P<title>.+) is configured in gateway\.toml(?: and read-only here)?[;:] .*",
        _("The device %(title)s stands in the file gateway.toml of the gateway and can be changed there only."),
    ),
    (
        r"a device (?P<title>.+) called from (?P<places>.+): say from where it may call",
        _("A device %(title)s called from several addresses: %(places)s. Enter from where it may call."),
    ),
    (
        r"device (?P<title>.+) is configured and may call from .*",
        _(
            "The device %(title)s may call already, but it calls the gateway by another AE title. Enter the right one "
            "at the device."
        ),
    ),
    (
        r"device (?P<title>.+) has no (?:host|port): .*",
        _("Where the device %(title)s listens is not known: enter its address and port first."),
    ),
    (r"merge \d+ is undone already", _("This was undone already.")),
)
_MISSING = (
    (r"no order .+", _("There is no such order.")),
    (r"no study .+", _("There is no such study.")),
    (r"no instance .+", _("There is no such image.")),
    (r"no device (?P<title>.+) was refused", _("No device %(title)s was refused.")),
    (r"no device (?P<title>.+)", _("There is no device %(title)s.")),
    (r"no event .+", _("There is no such delivery.")),
    (r"no message .+", _("There is no such message.")),
    (r"no performed step .+", _("There is no such report of a device.")),
    (r"no alarm .+", _("This alarm has ended already.")),
)
_TROUBLE = (
    (
        r"the disk is nearly full|the disk does not take objects.*",
        _("The disk of the gateway is nearly full. Make room on it; then try again."),
    ),
    (
        r"the database (?:is closed|cannot be read|cannot be written|file is gone).*|all connections were busy.*",
        _("The gateway cannot get at its database just now. Try again in a moment."),
    ),
    (
        r"(?:.*: )?the file (?:of this instance )?is (?:gone|missing).*",
        _("The file of this image is gone. Send the image again from the device."),
    ),
)
_ALARMS = (
    (r"object refused", _("An image could not be taken")),
    (r"instance re-encoded", _("An image came a second time, in another encoding")),
    (r"instance conflict", _("Two different images have one number")),
    (r"patient differs", _("Images of another patient than in the order")),
    (r"order of a merged patient", _("An order stayed with a merged patient")),
    (r"no order", _("Images without an order")),
    (r"order was cancelled", _("Images for a cancelled order")),
    (r"accession number of several procedures", _("It is not clear to which part of the order the images belong")),
    (r"incorrect worklist entry selected", _("The wrong line of the worklist was chosen at the device")),
    (r"performed step incomplete", _("The report of a device is incomplete")),
    (r"study not settled", _("A study could not be finished")),
    (r"delivery parked", _("A delivery was given up")),
    (r"target paused", _("The deliveries to a practice system are paused")),
    (r"disk nearly full", _("The disk is nearly full")),
    (r"file missing", _("The file of an image is missing")),
    (r"object damaged", _("The file of an image is damaged")),
    (r"HL7 not served", _("HL7 over TLS does not work")),
    (r"DICOM TLS not served", _("DICOM over TLS does not work")),
)
_REASONS = (
    (r"unknown device", _("This device is not known here.")),
    (r"address not in allowed_from", _("It called from an address from which it may not call.")),
    (r"calls another AE title", _("It called the gateway by another AE title.")),
    (r"another version of a known instance", _("It is another version of an image that is here already.")),
)
TEXTS = tuple(
    (re.compile(pattern, re.DOTALL), message)
    for pattern, message in (*_FIELDS, *_USERS, *_CONFLICTS, *_MISSING, *_TROUBLE, *_ALARMS, *_REASONS)
)


def plain(text: object) -> Text | str:
    """Return what a text of the core says to a person; an unknown one stays as it is."""
    said = str(text)
    for pattern, message in TEXTS:
        if found := pattern.fullmatch(said):
            return replace(message, values=found.groupdict())
    return said
