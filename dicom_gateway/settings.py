"""Every setting of the gateway: its section, name, type, default and meaning.

The models are the only place that knows a setting: loading (settings_loading.py), error texts, the commented file and
the table in the manual (settings_text.py) are made from them. A list is kept as a tuple. Made directly, `Settings(...)`
takes the environment too, as load_settings does, but leaves relative paths as they are.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from dicom_gateway.certificates import tls_fault
from dicom_gateway.network import is_loopback as is_loopback
from dicom_gateway.settings_values import (
    SQLITE,
    UID,
    AETitle,
    Answers,
    Contradiction,
    Count,
    DatabaseUrl,
    DeviceHost,
    EmptyIsNone,
    File,
    Folder,
    Host,
    Modality,
    Network,
    PmsName,
    Port,
    Prefix,
    PublicUrl,
    Seconds,
    Secret,
    Source,
    TargetUrl,
    Text,
    Zone,
    checked_secret,
    machine_zone,
    refuse,
    repeated,
)

PREFIX = "DICOM_GATEWAY_"


class Listener(NamedTuple):
    """A place where the gateway listens; `name` is the section of its settings."""

    name: str
    host: str
    port: int


class Section(BaseModel):
    """A table of the settings file."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, hide_input_in_errors=True)


class GatewaySettings(Section):
    """The installation as a whole."""

    data_dir: Folder = Field(default=Path("data"), description="Folder of the database and of all received images.")
    practice: Text = Field(default="", description="Name of the practice, shown on the page.")
    time_zone: Zone = Field(default="", description="Zone of appointment times; empty: the zone of this machine.")


class DicomSettings(Section):
    """The DICOM listener."""

    ae_title: AETitle = Field(default="DCMGATEWAY", description="AE title of the gateway.")
    host: Host = Field(
        default="127.0.0.1", description="Address to listen on; 0.0.0.0 is every IPv4 address of this machine."
    )
    port: Port = Field(default=11112, description="TCP port; 0 takes any free one.")
    unknown_devices: Annotated[Literal["accept", "refuse"] | None, EmptyIsNone] = Field(
        default=None,
        description="What happens to a calling AE title without a [[device]] table: accept or refuse; "
        "empty: accept while every listener is on loopback, else refuse.",
    )
    check_called_ae_title: bool = Field(
        default=False, description="Refuse associations that call another AE title than ours."
    )
    extra_storage_classes: tuple[UID, ...] = Field(
        default=(), description="SOP Class UIDs to accept for storage beyond the standard ones."
    )


class Hl7Settings(Section):
    """The HL7 listener (MLLP)."""

    host: Host = Field(default="127.0.0.1", description="Address to listen on for HL7.")
    port: Port = Field(default=2575, description="TCP port for HL7; 0 takes any free one.")


class WebSettings(Section):
    """The API and the page."""

    host: Host = Field(default="127.0.0.1", description="Address to listen on for HTTP; beyond loopback it needs TLS.")
    port: Port = Field(default=8080, description="TCP port for HTTP; 0 takes any free one.")
    public_url: PublicUrl = Field(
        default="", description="URL under which others reach the gateway, for links in events."
    )
    tls_certificate: Annotated[File | None, EmptyIsNone] = Field(
        default=None, description="PEM file of the certificate with its chain; goes with tls_key."
    )
    tls_key: Annotated[File | None, EmptyIsNone] = Field(
        default=None, description="PEM file of the certificate's private key."
    )
    behind_proxy: bool = Field(
        default=False, description="A proxy in front of the gateway does TLS, and only it can reach this port."
    )

    @field_validator("tls_key")
    @classmethod
    def _both_or_neither(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if "tls_certificate" in info.data and (value is None) != (info.data["tls_certificate"] is None):
            given, absent = ("tls_key", "tls_certificate") if value else ("tls_certificate", "tls_key")
            what = f"is set without web.{absent}"
            refuse([Contradiction(("web", given), what, "both or neither")])
        return value


class DatabaseSettings(Section):
    """Where rows are kept."""

    url: DatabaseUrl = Field(default="", description="sqlite:///FILE; empty: gateway.db in the data folder.")


class StorageSettings(Section):
    """Where received objects are kept."""

    reserve_mb: Count = Field(
        default=512, description="Megabytes that stay free on the disk: images are refused below it."
    )


class WorklistSettings(Section):
    """What devices see."""

    hide_after_days: Count = Field(default=0, description="Days after its start when an open step is hidden; 0: never.")
    max_answers: Answers = Field(default=5000, description="Most answers to one worklist query.")


class OrderSettings(Section):
    """What is minted for orders."""

    accession_prefix: Prefix = Field(
        default="", description="Put before the 10 digits of an accession number made here."
    )


class CompletionSettings(Section):
    """When a study counts as complete."""

    quiet_seconds: Seconds = Field(default=60, description="Seconds without a new image after which a study has ended.")
    incomplete_after_seconds: Seconds = Field(
        default=900, description="Seconds after which missing images are reported as order.incomplete."
    )


class DeviceSettings(Section):
    """A device: an AE that calls the gateway."""

    ae_title: AETitle = Field(description="AE title with which the device calls.")
    host: DeviceHost = Field(default="", description="Address of the device, when the gateway is to call it.")
    port: Port = Field(default=0, description="TCP port of the device; 0: the gateway never calls it.")
    modalities: tuple[Modality, ...] = Field(
        default=(), description="Its modalities; a step without a station goes to every device of its modality."
    )
    allowed_from: tuple[Network, ...] = Field(
        default=(), description="IP networks it may call from; empty: any address."
    )


class PmsSettings(Section):
    """A practice management system that takes events."""

    name: PmsName = Field(description="Name of the target, unique.")
    type: Literal["webhook"] = Field(default="webhook", description="How events are sent.")
    url: TargetUrl = Field(description="URL that events are posted to.")
    secret: Annotated[Secret | None, EmptyIsNone] = Field(
        default=None, description="Secret that signs events: whsec_ and base64; or secret_file."
    )
    secret_file: Annotated[File | None, EmptyIsNone] = Field(default=None, description="File that holds the secret.")
    sources: tuple[Source, ...] = Field(
        default=(), description="Only events of orders from these sources; empty: every event."
    )
    thumbnails: Literal["inline", "link", "none"] = Field(default="inline", description="How events carry thumbnails.")

    @field_validator("secret_file")
    @classmethod
    def _exactly_one_secret(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if "secret" in info.data and (value is None) == (info.data["secret"] is None):
            what = f"and secret are both {'set' if value else 'missing'}"
            refuse([Contradiction((), what, "exactly one of them")])
        return value

    def signing_secret(self) -> SecretStr:
        """Return the secret, read from its file when it has one; raise OSError or ValueError (without the secret)."""
        if self.secret_file is None:
            return self.secret or SecretStr("")
        with self.secret_file.open("rb") as file:
            return SecretStr(checked_secret(file.read(4096).decode("ascii", "replace").strip()))


class _Environment(EnvSettingsSource):
    """The variables; a list that is not JSON stays text, so that it is reported like any other bad value."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            decoded = super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value
        return value if decoded is None else decoded  # pydantic-settings takes null for a variable that is not there


class Settings(BaseSettings):
    """All settings. Sections are tables, `device` and `pms` lists of tables; the environment beats the file."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        validate_default=True,
        hide_input_in_errors=True,
    )

    gateway: GatewaySettings = GatewaySettings()
    dicom: DicomSettings = DicomSettings()
    hl7: Hl7Settings = Hl7Settings()
    web: WebSettings = WebSettings()
    database: DatabaseSettings = DatabaseSettings()
    storage: StorageSettings = StorageSettings()
    worklist: WorklistSettings = WorklistSettings()
    orders: OrderSettings = OrderSettings()
    completion: CompletionSettings = CompletionSettings()
    device: tuple[DeviceSettings, ...] = ()
    pms: tuple[PmsSettings, ...] = ()
    _origin: dict[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment beat what is handed in, which is the file."""
        return _Environment(settings_cls), init_settings

    @field_validator("web")
    @classmethod
    def _accept_needs_loopback(cls, web: WebSettings, info: ValidationInfo) -> WebSettings:
        dicom, hl7 = info.data.get("dicom"), info.data.get("hl7")
        if dicom is not None and hl7 is not None and dicom.unknown_devices == "accept":
            beyond = [f"{place.name}.host" for place in _listeners(dicom, hl7, web) if not is_loopback(place.host)]
            what = f'is "accept" while {" and ".join(beyond)} listens beyond this machine'
            right = '"refuse" or empty, with a [[device]] table for each device'
            refuse([Contradiction(("dicom", "unknown_devices"), what, right)] if beyond else [])
        return web

    @field_validator("device")
    @classmethod
    def _one_table_a_device(cls, device: tuple[DeviceSettings, ...]) -> tuple[DeviceSettings, ...]:
        refuse(repeated("device", "ae_title", [item.ae_title for item in device]))
        return device

    @field_validator("pms")
    @classmethod
    def _one_table_a_pms(cls, pms: tuple[PmsSettings, ...]) -> tuple[PmsSettings, ...]:
        refuse(repeated("pms", "name", [item.name for item in pms]))
        return pms

    def listeners(self) -> tuple[Listener, ...]:
        """Return every place where the gateway listens."""
        return _listeners(self.dicom, self.hl7, self.web)

    def accepts_unknown_devices(self) -> bool:
        """Say whether an AE title without a device table may associate."""
        if self.dicom.unknown_devices is None:
            return all(is_loopback(place.host) for place in self.listeners())
        return self.dicom.unknown_devices == "accept"

    def web_refusal(self) -> str | None:
        """Return why the web role may not start, or None when it may."""
        for name, path in (("tls_certificate", self.web.tls_certificate), ("tls_key", self.web.tls_key)):
            if path is not None and not os.path.isfile(path):
                return f"web.{name}: there is no file {path}"
        if (
            self.web.tls_certificate
            and self.web.tls_key
            and (reason := tls_fault(self.web.tls_certificate, self.web.tls_key))
        ):
            return reason
        if is_loopback(self.web.host) or self.web.tls_key is not None or self.web.behind_proxy:
            return None
        return (
            f"web.host: {self.web.host} is beyond this machine and nothing encrypts; set web.tls_certificate and "
            "web.tls_key, or web.behind_proxy = true behind a proxy that does, or listen on 127.0.0.1"
        )

    def zone(self) -> ZoneInfo:
        """Return the practice's zone, the machine's when none is set; raise SettingsError for an unusable TZ."""
        return ZoneInfo(self.gateway.time_zone) if self.gateway.time_zone else machine_zone()

    def database_path(self) -> Path:
        """Return the file of the SQLite database."""
        url = self.database.url
        return Path(url.removeprefix(SQLITE)) if url else self.gateway.data_dir / "gateway.db"

    def relative_to(self, folder: Path) -> Self:
        """Return a copy whose relative paths begin at `folder`."""

        def at(path: Path | None) -> Path | None:
            return None if path is None else folder / path

        web, url = self.web, self.database.url
        changes = {
            "gateway": self.gateway.model_copy(update={"data_dir": at(self.gateway.data_dir)}),
            "web": web.model_copy(update={"tls_certificate": at(web.tls_certificate), "tls_key": at(web.tls_key)}),
            "database": self.database.model_copy(
                update={"url": url and f"{SQLITE}{folder / url.removeprefix(SQLITE)}"}
            ),
            "pms": tuple(item.model_copy(update={"secret_file": at(item.secret_file)}) for item in self.pms),
        }
        return self.model_copy(update=changes)


def _listeners(dicom: DicomSettings, hl7: Hl7Settings, web: WebSettings) -> tuple[Listener, ...]:
    return (
        Listener("dicom", dicom.host, dicom.port),
        Listener("hl7", hl7.host, hl7.port),
        Listener("web", web.host, web.port),
    )
