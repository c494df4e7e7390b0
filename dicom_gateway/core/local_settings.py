"""Settings that are made on the page and kept in the database: which there are, and which fields each may have.

They are the fields of the settings file of the same names. Those that name a file of this machine are left to
gateway.toml: whoever may use the page need not be able to read every file that the gateway can.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class LocalKind(StrEnum):
    """What can be set on the page."""

    PRACTICE = "practice"  # one row without a name: [gateway] practice and time_zone
    PMS = "pms"  # a [[pms]] table
    HL7_SOURCE = "hl7_source"  # an [[hl7_source]] table


FIELDS: Final[Mapping[LocalKind, frozenset[str]]] = {
    LocalKind.PRACTICE: frozenset({"practice", "time_zone"}),
    LocalKind.PMS: frozenset(
        {
            "name", "type", "url", "secret", "host", "port", "template", "character_set", "sending_application",
            "sending_facility", "receiving_application", "receiving_facility", "enhanced", "tls", "events", "sources",
            "thumbnails",
        }
    ),
    LocalKind.HL7_SOURCE: frozenset(
        {"name", "sending_application", "sending_facility", "map", "character_set", "assigning_authority"}
    ),
}  # fmt: skip
FILE_SUFFIX: Final = ".toml"  # a map or template that ends so is a file
SECRET: Final = "secret"  # noqa: S105 - the name of the field whose value is never shown


@dataclass(frozen=True, slots=True)
class LocalSetting:
    """A setting as it is stored; `changed_at` in microseconds UTC, 0 before it is."""

    kind: LocalKind
    name: str
    document: Mapping[str, Any]
    changed_at: int = 0
