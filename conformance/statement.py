"""The tables of the conformance statement, made from the code (PS3.2 Annex N; PS3.4 B.4, F.7.4.2.1, K.6.1.3.2).

conformance/statement.md holds the prose; between <!-- name --> and <!-- /name --> stands what PARTS[name] gives.
`python -m conformance.statement` renews them; tests/test_statement.py fails when they differ.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from pydicom.uid import UID

from conformance.statement_tables import MAPPING, NOT_OFFERED, STATUSES, TOOLS
from dicom_gateway import __version__
from dicom_gateway.certificates import CIPHERS, CIPHERS_1_3
from dicom_gateway.cli.root import TOOLS as COMMANDS
from dicom_gateway.core.attributes import ATTRIBUTES, Attribute
from dicom_gateway.core.character_set_choice import choice_of
from dicom_gateway.core.character_sets import CODE_SETS, SINGLE_BYTE, STAND_ALONE, known
from dicom_gateway.core.performed import FIXED_AT_CREATE, NEEDED_WHEN_FINAL, WANTED_IN_CREATE
from dicom_gateway.core.status import TRANSITIONS, StepStatus
from dicom_gateway.dicom.contexts import (
    EXPLICIT_BIG,
    LOSSLESS,
    NOT_ACCEPTED,
    SERVICES,
    UNCOMPRESSED,
    storage_classes,
    supported_contexts,
    transfer_syntaxes,
)
from dicom_gateway.dicom.file_meta import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_gateway.dicom.server import (
    CALLED_NOT_RECOGNISED,
    CALLING_NOT_RECOGNISED,
    LOCAL_LIMIT_EXCEEDED,
    _application_entity,
)
from dicom_gateway.settings import GatewaySettings, StorageSettings, WorklistSettings
from dicom_gateway.settings_dicom import DeviceSettings, DicomSettings, LimitsSettings
from dicom_gateway.upperlayer.terms import USER_REJECTION

PAGE = Path(__file__).resolve().parent / "statement.md"
REQUIRED_IN_CREATE = ("PerformedProcedureStepStatus", "ScheduledStepAttributesSequence", "StudyInstanceUID")
# The words of PS3.2 for the kinds that core.attributes names.
_KINDS = {
    "single": "SINGLE_VALUE",
    "wildcard": "WILDCARD",
    "range": "RANGE",
    "UID list": "UID",
    "sequence": "SEQUENCE",
    "single (wildcard tolerated)": "SINGLE_VALUE (WILDCARD tolerated)",
    "universal only": "UNIVERSAL only",
}
_SECTIONS = (
    ("gateway", GatewaySettings),
    ("dicom", DicomSettings),
    ("limits", LimitsSettings),
    ("worklist", WorklistSettings),
    ("storage", StorageSettings),
    ("device", DeviceSettings),
)


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _named(uid: str) -> tuple[str, str]:
    return UID(uid).name, uid


def product() -> str:
    """Return what the program calls itself."""
    return table(
        ("Product", "Version", "Implementation Class UID", "Implementation Version Name"),
        [("dicom-gateway", __version__, IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME)],
    )


def services() -> str:
    """Return the SOP classes of the services that the gateway is SCP of, and how many of storage."""
    syntaxes = {str(one.abstract_syntax): one.transfer_syntax for one in supported_contexts()}
    rows = [(*_named(uid), "SCP", ", ".join(UID(syntax).name for syntax in syntaxes[uid])) for uid in SERVICES]
    count = len(storage_classes())
    rows.append((f"Storage, {count} SOP classes", "Annex A.A", "SCP", f"{len(transfer_syntaxes())} transfer syntaxes"))
    return table(("SOP class", "UID", "Role", "Transfer syntaxes, most preferred first"), rows)


def tools() -> str:
    """Return what the commands for technicians are SCU of."""
    assert set(TOOLS) == set(COMMANDS), "a command is missing in statement_tables.TOOLS"
    return table(
        ("Command", "SOP class", "Services as SCU"),
        [(f"`dicom-gateway {name}`", *rest) for name, rest in TOOLS.items()],
    )


def not_offered() -> str:
    """Return what the gateway is no SCP of."""
    offered = {str(context.abstract_syntax) for context in supported_contexts()}
    assert not offered & set(NOT_OFFERED), "statement_tables.NOT_OFFERED names what is offered"
    return table(("SOP class", "UID", "Remark"), [(*_named(uid), remark) for uid, remark in NOT_OFFERED.items()])


def storage() -> str:
    """Return every storage SOP class that is accepted."""
    return table(("SOP class", "UID"), sorted(_named(uid) for uid in storage_classes()))


def syntaxes() -> str:
    """Return the transfer syntaxes of storage in their preference."""
    rows = []
    for number, uid in enumerate(transfer_syntaxes(), 1):
        if uid in LOSSLESS:
            kind = "compressed without loss"
        elif uid in UNCOMPRESSED:
            kind = "uncompressed, after all others without loss" if uid == EXPLICIT_BIG else "uncompressed"
        else:
            kind = "lossy or not known to be lossless: only when nothing above is offered"
        rows.append((str(number), *_named(uid), kind))
    return table(("Preference", "Transfer syntax", "UID", "Kind"), rows)


def syntaxes_refused() -> str:
    """Return the transfer syntaxes that are refused."""
    return table(("Transfer syntax", "UID"), map(_named, NOT_ACCEPTED))


def worklist() -> str:
    """Return the attributes of a worklist item."""
    heads = ("Attribute", "Tag", "VR", "Key", "Return type", "Matching types beside UNIVERSAL", "Value from the order")
    return table(heads, (_worklist_row(row, depth) for row, depth in _walk(ATTRIBUTES)))


def _walk(rows: Iterable[Attribute], depth: int = 0) -> Iterator[tuple[Attribute, int]]:
    for row in rows:
        yield row, depth
        yield from _walk(row.nested, depth + 1)


def _worklist_row(row: Attribute, depth: int) -> tuple[str, ...]:
    kinds = [row.kinds] if row.kinds in _KINDS else row.kinds.split(", ")
    tag = f"({row.tag.group:04X},{row.tag.element:04X})"
    words = ", ".join(_KINDS[kind] for kind in kinds)
    return f"{'>' * depth}{row.keyword}", tag, row.vr, row.key, row.return_type, words, row.origin


def character_sets() -> str:
    """Return the Defined Terms that are read and written."""
    without = [f"ISO_IR {number}" for number in ("6", *SINGLE_BYTE)]
    extensions = [f"ISO 2022 IR {number}" for number in ("6", *CODE_SETS)]
    rows = [
        ("Without code extensions", ", ".join((*without, *STAND_ALONE))),
        ("With code extensions", ", ".join(extensions)),
    ]
    return table(("", "Defined Terms"), rows)


_JAPANESE = ("ISO 2022 IR 13", "ISO 2022 IR 87")
_ANSWERED = (  # name, what the profile lists, what the request names
    ("Doe^Rex", (), ""),
    ("Müller^Jürgen", (), ""),
    ("Łukasz^Kot", (), ""),
    ("Łukasz^Kot", (), "ISO_IR 101"),
    ("Łukasz^Kot", ("ISO_IR 100", "ISO_IR 192"), ""),
    ("Łukasz^Kot", ("ISO_IR 100",), ""),
    ("Yamada^Tarou=山田^太郎", (), ""),
    ("Yamada^Tarou=山田^太郎", _JAPANESE, ""),
    ("ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎", _JAPANESE, ""),
)


def answer_character_sets() -> str:
    """Return the character set that an answer gets for some texts."""
    rows = []
    for name, listed, named in _ANSWERED:
        characters = frozenset(character for character in name if not character.isascii())
        found = choice_of(listed, known([named])).smallest(characters)
        answered = "\\".join(found.terms) or "none" if found else "transliterated or refused"
        rows.append((f"`{name}`", ", ".join(listed) or "none", named or "none", answered))
    return table(("Text in the answer", "The profile lists", "The request names", "SpecificCharacterSet"), rows)


def mpps() -> str:
    """Return what N-CREATE and N-SET take (Table N.5-5 of PS3.2)."""
    rows = [(keyword, "Y: 0x0120 when absent, 0x0121 when empty", _in_set(keyword)) for keyword in REQUIRED_IN_CREATE]
    rows += [
        (keyword, "N: accepted when absent or empty, and absence is marked", _in_set(keyword))
        for keyword in WANTED_IN_CREATE
    ]
    extra = [keyword for keyword in FIXED_AT_CREATE if keyword not in (*REQUIRED_IN_CREATE, *WANTED_IN_CREATE)]
    rows += [(keyword, "N: kept", _in_set(keyword)) for keyword in extra]
    rows.append(
        ("every other attribute, private ones included", "N: kept", "N: kept; a sequence replaces the stored one")
    )
    return table(("Attribute", "Required in N-CREATE", "Required in N-SET"), rows)


def _in_set(keyword: str) -> str:
    if keyword in FIXED_AT_CREATE or keyword == "StudyInstanceUID":
        return "not allowed: ignored and marked, the rest of the N-SET is done"
    if keyword in NEEDED_WHEN_FINAL:
        return "N: marked when the step ends without it"
    if keyword == "PerformedProcedureStepStatus":
        return "N: without it the N-SET is an intermediate update"
    return "N: replaces the stored value"


def transitions() -> str:
    """Return what an event makes of the status of a scheduled step."""
    events = dict.fromkeys(event for _, event in TRANSITIONS)
    rows = [
        (
            event.value,
            *(TRANSITIONS[status, event].value if (status, event) in TRANSITIONS else "-" for status in StepStatus),
        )
        for event in events
    ]
    return table(("Event", *(status.value for status in StepStatus)), rows)


def statuses(service: str) -> Callable[[], str]:
    """Return a function that gives the statuses of a service."""

    def part() -> str:
        rows = [(f"0x{one.code:04X}", one.meaning, one.when) for one in STATUSES if one.service == service]
        return table(("Status", "Meaning", "When"), rows)

    return part


def association() -> str:
    """Return the parameters of associations that the gateway accepts; the limits are those without settings."""
    limits = LimitsSettings()
    ae = _application_entity(str(DicomSettings.model_fields["ae_title"].default), limits.idle_seconds)
    reasons = (CALLING_NOT_RECOGNISED, CALLED_NOT_RECOGNISED, LOCAL_LIMIT_EXCEEDED)
    rejection, called, over = ("/".join(map(str, reason)) for reason in reasons)
    rows = [
        ("Application context", "1.2.840.10008.3.1.1.1"),
        ("Largest PDU received (bytes)", str(ae.maximum_pdu_size)),
        (
            "Associations at the same time",
            f"{limits.associations}, {limits.associations_per_device} of one AE title at one address "
            f"(`device.associations`); more are rejected ({over})",
        ),
        (
            "Connections at the same time",
            f"{limits.connections}, {limits.connections_per_address} from one address; more are closed unread",
        ),
        ("TLS handshake within (s)", f"{limits.handshake_seconds}"),
        ("Association request", f"within {limits.request_seconds} s (ARTIM), of at most {limits.request_kb} KB"),
        ("A PDU is aborted that takes more than (s)", f"{limits.pdu_seconds}"),
        ("Idle association is aborted after (s)", f"{limits.idle_seconds}"),
        ("Association whose peer takes nothing is ended after (s)", f"{limits.send_seconds}"),
        (
            "Largest command set, identifier, object; more is aborted",
            f"{limits.command_kb} KB, {limits.identifier_mb} MB, {limits.object_mb} MB (by class, by device: settings)",
        ),
        ("Operations outstanding (asynchronous window)", "1 invoked, 1 performed, and so answered"),
        ("SCP/SCU role selection", "not answered: default roles"),
        ("SOP class extended negotiation", "not answered: no fuzzy matching, no timezone adjustment"),
        ("User identity negotiation", "not checked, not answered"),
        ("Called AE title", f"not checked unless `dicom.check_called_ae_title`; then {called}"),
        ("Calling AE title", f"unknown devices are rejected ({rejection}) unless accepted by the settings"),
        (
            "Services of a device",
            f"a presentation context of a service that it may not use has the result {USER_REJECTION} (user "
            "rejection); verification is open to all",
        ),
    ]
    return table(("Parameter", "Value"), rows)


def settings() -> str:
    """Return the settings that change what this statement says."""
    rows = []
    for section, model in _SECTIONS:
        for name, field in model.model_fields.items():
            default = "required" if field.is_required() else _shown(field.default)
            rows.append((f"`{section}.{name}`", default, field.description or ""))
    return table(("Setting", "Default", "Meaning"), rows)


def _shown(default: object) -> str:
    if default in ("", None, (), {}):
        return "empty"
    if isinstance(default, tuple):
        return ", ".join(f"`{item}`" for item in default)
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def tls() -> str:
    """Return the cipher suites of DICOM over TLS, most preferred first."""
    rows = [("1.3", name) for name in CIPHERS_1_3] + [("1.2", name) for name in CIPHERS.values()]
    return table(("TLS", "Cipher suite"), rows)


def mapping() -> str:
    """Return how values travel: order, worklist, and what comes back in performed steps and images."""
    known = {row.keyword: row for row, _ in _walk(ATTRIBUTES)}
    rows = [(known[keyword].origin, keyword, *rest) for keyword, rest in MAPPING.items()]
    return table(
        ("Order", "Worklist", "Performed step (MPPS)", "Image", "What the gateway does with what comes back"), rows
    )


PARTS: dict[str, Callable[[], str]] = {
    "product": product,
    "services": services,
    "tools": tools,
    "not offered": not_offered,
    "storage classes": storage,
    "transfer syntaxes": syntaxes,
    "transfer syntaxes refused": syntaxes_refused,
    "worklist": worklist,
    "character sets": character_sets,
    "answer character sets": answer_character_sets,
    "mpps": mpps,
    "transitions": transitions,
    **{f"statuses {name}": statuses(name) for name in dict.fromkeys(one.service for one in STATUSES)},
    "association": association,
    "settings": settings,
    "tls": tls,
    "mapping": mapping,
}
_MARKED = re.compile(r"<!-- (?P<name>[a-zA-Z -]+) -->\n.*?<!-- /(?P=name) -->", re.DOTALL)


def renewed(page: str) -> str:
    """Return the page with every marked part made anew; raises KeyError for a mark that names no part."""
    return _MARKED.sub(
        lambda found: f"<!-- {found['name']} -->\n{PARTS[found['name']]()}\n<!-- /{found['name']} -->", page
    )


def marks(page: str) -> list[str]:
    """Return the names of the marked parts of a page."""
    return [found["name"] for found in _MARKED.finditer(page)]


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
