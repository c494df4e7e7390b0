"""What is wrong with a field of a form: the core's words by pattern, and what a person reads instead.

See plain_words.py. The first pattern that fits counts.
"""

from dicom_gateway.web.pages.language import gettext as _

FIELDS = (
    (r"is required(:.*)?|must not be empty", _("Please fill this in.")),
    (r"must have at most (?P<count>\d+) characters", _("This is too long: at most %(count)s characters.")),
    (r"must have at most (?P<count>\d+) entries", _("These are too many: at most %(count)s.")),
    (r"must be at least (?P<least>[\d.,]+)", _("Enter a number from %(least)s upwards.")),
    (r"must be at most (?P<most>[\d.,]+)", _("Enter a number up to %(most)s.")),
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
    (
        r"does not fit; right is a modality.*",
        _("A kind of imaging (modality) is a short code in capitals, such as DX or IO."),
    ),
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
    (r"is missing(;.*)?", _("Please fill this in.")),
    (r"is too (small|large)(;.*)?", _("This number is too small or too large here.")),
    (r"is not a whole number(;.*)?", _("Enter a whole number.")),
    (r"is not one of them(;.*)?", _("Choose one of the list.")),
    (
        r".*; right is 1 to 40 of A-Z.*",
        _("Use letters without umlauts, digits, - and _, at most 40 of them and no spaces."),
    ),
    (r".*; right is an IANA time zone.*", _("Choose a time zone of the list, such as Europe/Berlin.")),
    (r".*; right is an https:// URL.*", _("Enter an address that begins with https:// and has no spaces.")),
    (r""".*; right is (text of up to 64|the "source" of).*""", _("Enter at most 64 characters, without \\.")),
    (
        r".*; right is (the name of a (map|template)|a type of event|a character set as).*",
        _("Choose one of the list."),
    ),
    (r".*; right is another for each sender", _("There is a connection for this sender already.")),
    (r"and secret are both missing.*", _("A secret is needed.")),
    (r"can be set in gateway\.toml only", _("This can be set in the file gateway.toml only.")),
    (r"names a file, which .*", _("A file can be named in the file gateway.toml only.")),
    (r"choose an order first", _("Choose an order first.")),
    (r"at least one image must stay", _("At least one image must stay.")),
    (r"choose at least one of the two", _("Choose at least one of the two.")),
    (r"say why, so that .*", _("Say why, so that whoever finds it later knows.")),
    (r"must be at most (?P<count>\d+) plain characters", _("This is too long: at most %(count)s characters.")),
    (r"limits a token of the role pms only; .*", _("This can be set for a practice system only.")),
    (r"is not a cursor of this list", _("This address of a list is old. Begin at its first page.")),
)
USERS = (
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
