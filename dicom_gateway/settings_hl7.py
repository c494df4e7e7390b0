"""The settings of HL7: the MLLP listener, the sources whose messages are taken, and how long messages are kept.

There is a listener once there is a source without a folder. TLS is on the same port: no other one is registered for it.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from dicom_gateway.certificates import dicom_tls_fault
from dicom_gateway.connectors.hl7.charsets import codec_of
from dicom_gateway.connectors.hl7.limits import Limits
from dicom_gateway.errors import SettingsError
from dicom_gateway.settings_values import (
    Contradiction,
    EmptyIsNone,
    File,
    Folder,
    Form,
    Host,
    Most,
    Port,
    Seconds,
    Section,
    Source,
    Text,
    Whole,
    both_or_neither,
    fits,
    refuse,
    repeated,
)

_LIMITS = Limits()
LARGEST_MESSAGE = 256  # MB; it is held in memory


def _character_set(value: str) -> str:
    if value and not codec_of(value):
        raise ValueError("is not a character set that HL7 names")
    return value


MessageMegabytes = Annotated[int, Whole, Field(ge=1, le=LARGEST_MESSAGE)]
Days = Annotated[int, Whole, Field(ge=1, le=36_500)]
QuietSeconds = Annotated[int, Whole, Field(ge=1, le=3600)]
Hl7CharacterSet = Annotated[
    str,
    AfterValidator(_character_set),
    Form('a character set as MSH-18 names it, for example "8859/1" or "UNICODE UTF-8"'),
]
MapName = Annotated[
    str,
    AfterValidator(fits(r"[a-z0-9_-]{1,40}|[^\x00-\x1f]{1,400}\.toml")),
    Form('the name of a map, for example "vetera", or a file that ends in .toml'),
]


class Hl7Settings(Section):
    """The HL7 listener (MLLP)."""

    host: Host = Field(default="127.0.0.1", description="Address to listen on for HL7.")
    port: Port = Field(
        default=2575, description="TCP port for HL7, used once a [[hl7_source]] has no folder; 0 takes any free one."
    )
    tls_certificate: Annotated[File | None, EmptyIsNone] = Field(
        default=None, description="PEM file of the certificate with its chain; with tls_key the port speaks TLS only."
    )
    tls_key: Annotated[File | None, EmptyIsNone] = Field(
        default=None, description="PEM file of the certificate's private key."
    )
    tls_client_ca: Annotated[File | None, EmptyIsNone] = Field(
        default=None, description="PEM file of CAs; with it a sender must show a certificate of one of them."
    )
    connections: Most = Field(
        default=_LIMITS.connections, description="Most open connections; one more takes the place of the longest idle."
    )
    connections_per_address: Most = Field(
        default=_LIMITS.connections_per_address, description="Most open connections from one address."
    )
    message_mb: MessageMegabytes = Field(
        default=_LIMITS.message_bytes >> 20, description="Largest message, batch or file, in MB."
    )
    idle_seconds: Seconds = Field(
        default=int(_LIMITS.idle_seconds), description="Seconds without a message after which a connection is closed."
    )
    message_seconds: Seconds = Field(
        default=int(_LIMITS.message_seconds), description="Seconds from the first byte of a message to its last."
    )
    quiet_seconds: QuietSeconds = Field(
        default=2, description="Seconds for which a file in a watched folder must not change before it is taken."
    )

    @field_validator("tls_key")
    @classmethod
    def _with_its_certificate(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        return both_or_neither("hl7", value, info)

    @field_validator("tls_client_ca")
    @classmethod
    def _only_with_tls(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and "tls_key" in info.data and info.data["tls_key"] is None:
            refuse([Contradiction((), "is set without hl7.tls_certificate and hl7.tls_key", "all three or none")])
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.connections_per_address > self.connections:
            what = f"is {self.connections_per_address} while hl7.connections is {self.connections}"
            right = f"at most {self.connections}, or a larger hl7.connections"
            refuse([Contradiction(("hl7", "connections_per_address"), what, right)])
        return self

    def tls_fault(self) -> str:
        """Return why HL7 over TLS, which is configured, cannot be served; "" when it can, or is not configured."""
        if self.tls_certificate is None or self.tls_key is None:
            return ""
        return dicom_tls_fault(self.tls_certificate, self.tls_key, self.tls_client_ca, "hl7")

    def as_limits(self) -> Limits:
        """Return what the listener takes: bytes and seconds."""
        return Limits(
            connections=self.connections,
            connections_per_address=self.connections_per_address,
            message_bytes=self.message_mb << 20,
            idle_seconds=self.idle_seconds,
            message_seconds=self.message_seconds,
        )


class Hl7SourceSettings(Section):
    """A system that sends HL7: how it is known, and how its messages are read."""

    name: Source = Field(description='The "source" of its orders, unique.')
    sending_application: Text = Field(default="", description="MSH-3 of its messages; empty: any.")
    sending_facility: Text = Field(default="", description="MSH-4 of its messages; empty: any.")
    map: MapName = Field(
        default="default", description="Where its values stand: a map by name, or a file that ends in .toml."
    )
    character_set: Hl7CharacterSet = Field(
        default="", description="Character set of messages that name none (MSH-18); empty: UTF-8, else Windows-1252."
    )
    assigning_authority: Text = Field(
        default="", description="Assigning authority of the patient id to take (PID-3.4) where there are several."
    )
    folder: Annotated[Folder | None, EmptyIsNone] = Field(
        default=None, description="Folder that it drops files into; empty: it sends by MLLP."
    )
    answers: bool = Field(default=False, description="Put the answer to a file beside it, as NAME.ack.")

    def unusable(self) -> Contradiction | None:
        """Return why the map cannot be used, which only reading it tells."""
        from dicom_gateway.connectors.hl7.maps import SHIPPED, load_map

        try:
            load_map(self.map)
        except SettingsError as error:
            right = f"one of {', '.join(SHIPPED)}, or the file of a map of your own"
            return Contradiction(("map",), f"cannot be used: {error}", right)
        return None

    def relative_to(self, folder: Path) -> Self:
        """Return a copy whose relative paths begin at `folder`."""
        changes = {
            "map": str(folder / self.map) if self.map.endswith(".toml") else self.map,
            "folder": folder / self.folder if self.folder else None,
        }
        return self.model_copy(update=changes)


class MessagesSettings(Section):
    """What is kept of messages."""

    keep_days: Days = Field(default=90, description="Days for which messages that came and went are kept.")


def one_table_a_source(sources: tuple[Hl7SourceSettings, ...]) -> Iterable[Contradiction]:
    """Yield what two tables of sources say at once: a name, a folder, or whose messages they are."""
    yield from repeated("hl7_source", "name", [one.name for one in sources])
    folders = [str(one.folder) for one in sources]
    yield from (found for found in repeated("hl7_source", "folder", folders) if sources[int(found.location[1])].folder)
    known = [(one.sending_application, one.sending_facility) for one in sources]
    for index, source in enumerate(sources):
        first = next((at for at in range(index) if not sources[at].folder and known[at] == known[index]), index)
        if first < index and not source.folder:
            what = f"is, with sending_facility, the same as of hl7_source[{first}]"
            yield Contradiction(("hl7_source", index, "sending_application"), what, "another for each sender")
