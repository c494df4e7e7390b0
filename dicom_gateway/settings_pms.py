"""The settings of a PMS that takes events, by webhook or by HL7: what each type needs, and what only the other has."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from dicom_gateway.connectors.hl7.charsets import codec_of
from dicom_gateway.connectors.hl7.outgoing import Header
from dicom_gateway.connectors.hl7.template import load_template
from dicom_gateway.core.envelope import EventType
from dicom_gateway.errors import SettingsError
from dicom_gateway.network import is_private
from dicom_gateway.settings_hl7 import Hl7CharacterSet
from dicom_gateway.settings_values import (
    Contradiction,
    EmptyIsNone,
    File,
    Form,
    Host,
    PmsName,
    Port,
    Secret,
    Section,
    Source,
    TargetUrl,
    Text,
    Whole,
    checked_secret,
    fits,
    refuse,
)

if TYPE_CHECKING:
    from dicom_gateway.connectors.hl7.client import Tls

AnswerSeconds = Annotated[int, Whole, Field(ge=1, le=60)]  # with connecting less than the lease of a delivery
TemplateName = Annotated[
    str,
    AfterValidator(fits(r"[a-z0-9_-]{1,40}|[^\x00-\x1f]{1,400}\.toml")),
    Form('the name of a template, for example "omg", or a file that ends in .toml'),
]
EventName = Annotated[
    str,
    AfterValidator(fits("|".join(map(re.escape, EventType)))),
    Form('a type of event, for example "study.received"'),
]
UNICODE = "UNICODE UTF-8"
WEBHOOK_ONLY = ("url", "secret", "secret_file")
HL7_ONLY = (
    "host", "port", "template", "character_set", "sending_application", "sending_facility", "receiving_application",
    "receiving_facility", "enhanced", "persistent", "answer_seconds", "tls", "tls_ca", "tls_certificate", "tls_key",
)  # fmt: skip
_FILES = ("secret_file", "tls_ca", "tls_certificate", "tls_key")


class PmsSettings(Section):
    """A practice management system that takes events."""

    name: PmsName = Field(description="Name of the target, unique.")
    type: Literal["webhook", "hl7"] = Field(default="webhook", description="How events are sent.")
    url: Annotated[TargetUrl | None, EmptyIsNone] = Field(
        default=None, description="URL that events are posted to; a webhook needs it."
    )
    secret: Annotated[Secret | None, EmptyIsNone] = Field(
        default=None, description="Secret that signs events of a webhook: whsec_ and base64; or secret_file."
    )
    secret_file: Annotated[File | None, EmptyIsNone] = Field(default=None, description="File that holds the secret.")
    host: Annotated[Host | None, EmptyIsNone] = Field(
        default=None, description="Address that HL7 messages are sent to (MLLP); hl7 needs it."
    )
    port: Port = Field(default=2575, description="TCP port there.")
    template: TemplateName = Field(
        default="orm", description="Which messages events become: orm, omg, omi, or a file that ends in .toml."
    )
    character_set: Hl7CharacterSet = Field(default=UNICODE, description="Character set of messages, as MSH-18 has it.")
    sending_application: Text = Field(default="DICOM_GATEWAY", description="MSH-3 of messages.")
    sending_facility: Text = Field(default="", description="MSH-4 of messages.")
    receiving_application: Text = Field(default="", description="MSH-5 of messages.")
    receiving_facility: Text = Field(default="", description="MSH-6 of messages.")
    enhanced: bool = Field(
        default=False, description="Ask for both answers of the enhanced mode: CA, and then AA on the same connection."
    )
    persistent: bool = Field(default=False, description="Keep the connection open; else each message has its own.")
    answer_seconds: AnswerSeconds = Field(default=30, description="Seconds in which a message must be answered.")
    tls: bool = Field(default=False, description="Send HL7 over TLS; beyond private networks it must.")
    tls_ca: Annotated[File | None, EmptyIsNone] = Field(
        default=None, description="PEM file of the CAs of the PMS; empty: those of this machine."
    )
    tls_certificate: Annotated[File | None, EmptyIsNone] = Field(
        default=None, description="PEM file of the certificate that the PMS is shown, with its chain."
    )
    tls_key: Annotated[File | None, EmptyIsNone] = Field(
        default=None, description="PEM file of that certificate's private key."
    )
    events: tuple[EventName, ...] = Field(
        default=(), description="Only events of these types; empty: every one, of hl7 those of the template."
    )
    sources: tuple[Source, ...] = Field(
        default=(), description="Only events of orders from these sources; empty: every event."
    )
    thumbnails: Annotated[Literal["inline", "link", "none"] | None, EmptyIsNone] = Field(
        default=None, description='How events carry thumbnails; empty: "inline", of hl7 "none".'
    )

    @field_validator("secret_file")
    @classmethod
    def _at_most_one_secret(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and info.data.get("secret") is not None:
            refuse([Contradiction((), "and secret are both set", "exactly one of them")])
        return value

    def faults(self) -> Iterator[Contradiction]:
        """Yield what the type needs and has not, and what it has no use for, each at the name of its setting."""
        other, wanted = (HL7_ONLY, "hl7") if self.type == "webhook" else (WEBHOOK_ONLY, "webhook")
        for name in other:
            if name in self.model_fields_set and getattr(self, name) not in (None, ""):
                yield Contradiction((name,), f'is for type = "{wanted}"', f'no {name}, or type = "{wanted}"')
        yield from self._webhook_faults() if self.type == "webhook" else self._hl7_faults()

    def _webhook_faults(self) -> Iterator[Contradiction]:
        if self.url is None:
            yield Contradiction(("url",), "is missing", _right("url"))
        if self.secret is None and self.secret_file is None:
            yield Contradiction(("secret_file",), "and secret are both missing", "exactly one of them")

    def _hl7_faults(self) -> Iterator[Contradiction]:
        if self.host is None:
            yield Contradiction(("host",), "is missing", _right("host"))
        elif not self.tls and is_private(self.host) is False:
            what = "would send patient data unencrypted beyond private networks"
            yield Contradiction(("host",), what, "an address of a private network, or tls = true")
        if self.port == 0:
            yield Contradiction(("port",), "is 0", "the port that the PMS listens on, from 1 to 65535")
        if self.thumbnails == "link":
            yield Contradiction(("thumbnails",), 'is "link", which HL7 messages do not carry', '"inline" or "none"')
        if (self.tls_certificate is None) != (self.tls_key is None):
            given, absent = ("tls_key", "tls_certificate") if self.tls_key else ("tls_certificate", "tls_key")
            yield Contradiction((given,), f"is set without {absent}", "both or neither")
        if not self.tls and (self.tls_ca or self.tls_certificate):
            yield Contradiction(("tls_ca" if self.tls_ca else "tls_certificate",), "is set without tls", "tls = true")

    @property
    def destination(self) -> str:
        """Where events go, for a person."""
        if self.type == "webhook":
            return self.url or ""
        host = f"[{self.host}]" if ":" in (self.host or "") else self.host
        return f"{'mllps' if self.tls else 'mllp'}://{host}:{self.port}"

    @property
    def thumbnail_mode(self) -> Literal["inline", "link", "none"]:
        """How events carry thumbnails."""
        return self.thumbnails or ("inline" if self.type == "webhook" else "none")

    def event_types(self) -> frozenset[str]:
        """Return the types of events that go there; empty: all. Raises SettingsError for a template that is none."""
        return frozenset(self.events) or (frozenset(self._of_template()) if self.type == "hl7" else frozenset())

    def _of_template(self) -> list[str]:
        return list(load_template(self.template).events)

    def unusable(self) -> Contradiction | None:
        """Return what is wrong in a file that a setting names (never a secret); None when all can be used."""
        try:
            self.signing_secret()
        except (OSError, ValueError) as error:
            what = f"cannot be read ({error.strerror})" if isinstance(error, OSError) else f"holds what {error}"
            return Contradiction(("secret_file",), f'"{self.secret_file}" {what}', _right("secret"))
        try:
            known = self._of_template() if self.type == "hl7" else [*EventType]
        except SettingsError as error:
            return Contradiction(("template",), str(error), _right("template"))
        unknown = [kind for kind in self.events if kind not in known]
        what = f"{', '.join(unknown)} has no message in template {self.template}"
        return Contradiction(("events",), what, f"some of {', '.join(known)}") if unknown else None

    def signing_secret(self) -> SecretStr:
        """Return the secret, read from its file when it has one; raise OSError or ValueError (without the secret)."""
        if self.secret_file is None:
            return self.secret or SecretStr("")
        with self.secret_file.open("rb") as file:
            return SecretStr(checked_secret(file.read(4096).decode("ascii", "replace").strip()))

    def header(self) -> Header:
        """Return what MSH says the same of every HL7 message."""
        names = (self.sending_application, self.sending_facility, self.receiving_application, self.receiving_facility)
        character_set = self.character_set or UNICODE
        return Header(names, character_set, codec_of(character_set), self.enhanced)

    def trust(self) -> "Tls | None":
        """Return how HL7 over TLS is spoken; None without TLS."""
        from dicom_gateway.connectors.hl7.client import Tls  # with it comes httpx, which only who sends needs

        return Tls(self.tls_ca, self.tls_certificate, self.tls_key) if self.tls else None

    def relative_to(self, folder: Path) -> Self:
        """Return a copy whose relative paths begin at `folder`."""
        changes: dict[str, object] = {
            name: folder / path for name in _FILES if (path := getattr(self, name)) is not None
        }
        if self.template.endswith(".toml"):
            changes["template"] = str(folder / self.template)
        return self.model_copy(update=changes)


def faults_of(everyone: tuple[PmsSettings, ...]) -> Iterator[Contradiction]:
    """Yield what is wrong in each [[pms]] table as its type has it."""
    for index, pms in enumerate(everyone):
        for fault in pms.faults():
            yield fault._replace(location=("pms", index, *fault.location))


def _right(name: str) -> str:
    """Return what a right value of a setting looks like."""
    forms: dict[str, object] = {"url": TargetUrl, "host": Host, "secret": Secret, "template": TemplateName}
    return next(item.text for item in get_args(forms[name]) if isinstance(item, Form))
