"""Why something was refused, lacks or does not work, kinds of alarms, reasons to wait: the core's words by pattern.

See plain_words.py. The first pattern that fits counts.
"""

from dicom_gateway.web.pages.language import gettext as _

CONFLICTS = (
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
    (r"this was undone already", _("This was undone already.")),
    (r"stands twice in this order", _("This number stands twice in the order.")),
    (
        r"this order was changed meanwhile; .*",
        _("Somebody has changed this order meanwhile. Look at it again before you change it."),
    ),
    (r"(?P<name>.+) is paused already", _("%(name)s is paused already.")),
    (
        r"only what was delivered can be sent once more; .*",
        _("Only what was delivered can be sent once more. This has not been taken yet: retry it instead."),
    ),
    (r"there is no PMS (?P<name>.+) any more", _("There is no practice system %(name)s any more.")),
    (r"there is a [\w ]+ (?P<name>\S+) already; names are unique", _("There is a connection %(name)s already.")),
    (
        r".+ is set by .+, which wins|.+ has a \[\[\w+\]\] table named .+, which wins",
        _("This stands in the settings file (gateway.toml) or its environment already, which counts."),
    ),
    (
        r"these images do not wait to be matched any more|nothing of it waits to be matched|"
        r"this performed step does not wait to be matched",
        _("This was matched meanwhile, or came to its order by itself."),
    ),
    (
        r"this was cancelled; have it ordered again first",
        _("This order was cancelled. Have it ordered again first."),
    ),
    (
        r"something came or was decided since: .*",
        _("Something came or was decided since, so this cannot be undone as a whole. Match it anew instead."),
    ),
    (r"nobody has seen to this", _("Nobody has settled this yet.")),
    (r"there are too many tokens named .*", _("There were too many of this name. Choose another name.")),
    (r"the test order is not on the worklist", _("The test order is not on the worklist of this device.")),
    (r"the test image was not taken: .*", _("The gateway did not take its own test image. Look at Health.")),
    (r"DICOM files are not for your role: .*", _("DICOM files are not for your role. Pictures are.")),
)
MISSING = (
    (r"no order .+", _("There is no such order.")),
    (r"no study .+", _("There is no such study.")),
    (r"no instance .+", _("There is no such image.")),
    (r"no device (?P<title>.+) was refused", _("No device %(title)s was refused.")),
    (r"no device (?P<title>.+)", _("There is no device %(title)s.")),
    (r"no event .+", _("There is no such delivery.")),
    (r"no message .+", _("There is no such message.")),
    (r"no performed step .+", _("There is no such report of a device.")),
    (r"no alarm .+", _("This alarm has ended already.")),
    (r"no delivery of .+ to (?P<name>.+)", _("There is no such delivery to %(name)s.")),
    (r"no PMS (?:is named )?(?P<name>\S+)", _("There is no practice system %(name)s.")),
    (r"no PMS has a token of this name", _("No practice system has an access of this name.")),
    (
        r"no (?:pms|hl7_source|practice|HL7 source|PMS) (?P<name>.+) was set on the page",
        _("%(name)s was not set here."),
    ),
    (r"there is no such order or procedure", _("There is no such order.")),
    (r"there is no such step in this order", _("There is no such part of this order.")),
    (r"there is no such image in this study", _("There is no such image.")),
    (r"there is no such kind of connection", _("There is no such kind of connection.")),
    (r"there is no version .+ of this image", _("There is no such version of this image.")),
    (r"nothing of that kind was done without an order", _("Nothing of this kind was done without an order.")),
    (r"there is no such file", _("There is no such file.")),
    (r"no match .+|no merge .+", _("There is nothing of this kind to undo.")),
    (r"no valid token named .+", _("There is no such access, or it was withdrawn already.")),
    (r"there is no picture to (show|draw)", _("This object has no picture.")),
    (r"(this|there is no PDF in this) object( holds no PDF)?", _("This object holds no PDF.")),
    (r"this is no test order", _("This is not a test order.")),
    (r"nothing is known of a device (?P<title>.+): .*", _("Nothing is known of a device %(title)s.")),
)
TROUBLE = (
    (
        r"unexpected error; the log has it under reference (?P<reference>\w+)",
        _(
            "Something went wrong that nobody had foreseen. Try again. If it happens once more, tell whoever looks "
            "after the gateway this number: %(reference)s"
        ),
    ),
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
    (
        r"the disk did not take the object: .*",
        _("The disk of the gateway is nearly full. Make room on it; then try again."),
    ),
    (
        r"the stored file .*|the file of instance .*|.* is not a DICOM file",
        _("The file of this image is damaged. Send the image again from the device."),
    ),
    (r"the document is too large", _("This document is too large to be shown here.")),
    (
        r"other pictures are being made just now: .*",
        _("Other pictures are being made just now. Try again in a minute."),
    ),
    (
        r"the settings of the page cannot be read: .*",
        _("The gateway cannot get at its database just now. Try again in a moment."),
    ),
    (r"too many pages are open", _("Too many pages are open. Close some of them.")),
)
ALARMS = (
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
    (r"delivery parked", _("Something could not be delivered")),
    (r"target paused", _("The deliveries to a practice system are paused")),
    (r"disk nearly full", _("The disk is nearly full")),
    (r"file missing", _("The file of an image is missing")),
    (r"object damaged", _("The file of an image is damaged")),
    (r"setting not in effect", _("A setting of this page is not in effect")),
    (r"HL7 not served", _("HL7 over TLS does not work")),
    (r"DICOM TLS not served", _("DICOM over TLS does not work")),
)
REASONS = (
    (r"unmatched by hand", _("Somebody took the images out of their order.")),
    (r"unknown device", _("This device is not known here.")),
    (r"address not in allowed_from", _("It called from an address from which it may not call.")),
    (r"calls another AE title", _("It called the gateway by another AE title.")),
    (r"another version of a known instance", _("It is another version of an image that is here already.")),
)
