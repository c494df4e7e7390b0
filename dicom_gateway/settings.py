"""Every setting of the gateway: its section, name, type, default and meaning; those of DICOM in settings_dicom.py.

The models are the only place that knows a setting: loading (settings_loading.py), error texts, the commented file and
the table in the manual (settings_text.py) are made from them. A list is kept as a tuple. Made directly, `Settings(...)`
takes the environment too, as load_settings does, but leaves relative paths as they are.
"""

from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, PrivateAttr, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from dicom_gateway.certificates import dicom_tls_fault, tls_fault
from dicom_gateway.network import is_loopback as is_loopback
from dicom_gateway.settings_dicom import DeviceSettings, DicomSettings, LimitsSettings
from dicom_gateway.settings_hl7 import Hl7Settings, Hl7SourceSettings, MessagesSettings, one_table_a_source
from dicom_gateway.settings_pms import PmsSettings as PmsSettings
from dicom_gateway.settings_pms import faults_of
from dicom_gateway.settings_values import (
    SQLITE,
    Answers,
    Contradiction,
    Count,
    DatabaseUrl,
    EmptyIsNone,
    File,
    Folder,
    Host,
    KeptDays,
    Label,
    Location,
    Port,
    Prefix,
    ProcedureCode,
    PublicUrl,
    Seconds,
    Section,
    Text,
    Zone,
    both_or_neither,
    machine_zone,
    refuse,
    repeated,
)

PREFIX = "DICOM_GATEWAY_"
DICOM_TLS = "dicom_tls"  # the listener for DICOM over TLS
TLS_FILES = ("tls_certificate", "tls_key", "tls_client_ca")


class Listener(NamedTuple):
    """A place where the gateway listens."""

    name: str
    host: str
    port: int

    @property
    def host_setting(self) -> Location:
        """Where its host is set."""
        return ("dicom" if self.name == DICOM_TLS else self.name, "host")

    @property
    def port_setting(self) -> Location:
        """Where its port is set."""
        return ("dicom", "tls_port") if self.name == DICOM_TLS else (self.name, "port")


class GatewaySettings(Section):
    """The installation as a whole."""

    data_dir: Folder = Field(default=Path("data"), description="Folder of the database and of all received images.")
    practice: Text = Field(default="", description="Name of the practice, shown on the page.")
    time_zone: Zone = Field(default="", description="Zone of appointment times; empty: the zone of this machine.")


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
    idle_minutes: Seconds = Field(default=30, description="Minutes without a click after which the page logs off.")
    session_hours: Seconds = Field(default=12, description="Hours after a log-in when the page logs off all the same.")

    @field_validator("tls_key")
    @classmethod
    def _with_its_certificate(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        return both_or_neither("web", value, info)


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


class AuditSettings(Section):
    """What is kept of the audit."""

    keep_days: KeptDays = Field(default=0, description="Days for which the audit is kept; 0: for ever.")


class TemplateSettings(Section):
    """How many images a procedure of one code makes: another number than ours, or a code that we do not know."""

    code: ProcedureCode = Field(description="Code Value of the procedure or of the step's protocol.")
    images: Count = Field(description="Images that it makes at least; 0: as many as it takes.")
    label: Label = Field(default="", description="What they are, for people: 2 of 4 images (D0274 bitewings).")


class _Environment(EnvSettingsSource):
    """The variables; a list that is not JSON stays text, so that it is reported like any other bad value."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            decoded = super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value
        return value if decoded is None else decoded  # pydantic-settings takes null for a variable that is not there


class Settings(BaseSettings):
    """All settings. Sections are tables; `device`, `hl7_source`, `pms` and `template` are lists of tables. The
    environment beats the file."""

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
    limits: LimitsSettings = LimitsSettings()
    hl7: Hl7Settings = Hl7Settings()
    web: WebSettings = WebSettings()
    database: DatabaseSettings = DatabaseSettings()
    storage: StorageSettings = StorageSettings()
    worklist: WorklistSettings = WorklistSettings()
    orders: OrderSettings = OrderSettings()
    completion: CompletionSettings = CompletionSettings()
    messages: MessagesSettings = MessagesSettings()
    audit: AuditSettings = AuditSettings()
    device: tuple[DeviceSettings, ...] = ()
    hl7_source: tuple[Hl7SourceSettings, ...] = ()
    pms: tuple[PmsSettings, ...] = ()
    template: tuple[TemplateSettings, ...] = ()
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
            listeners = _listeners(dicom, hl7, web)
            beyond = [
                f"{place.name}.host" for place in listeners if not is_loopback(place.host) if place.name != DICOM_TLS
            ]
            what = f'is "accept" while {" and ".join(beyond)} listens beyond this machine'
            right = '"refuse" or empty, with a [[device]] table for each device'
            refuse([Contradiction(("dicom", "unknown_devices"), what, right)] if beyond else [])
        return web

    @field_validator("device")
    @classmethod
    def _one_table_a_device(cls, device: tuple[DeviceSettings, ...]) -> tuple[DeviceSettings, ...]:
        refuse(repeated("device", "ae_title", [item.ae_title for item in device]))
        return device

    @field_validator("hl7_source")
    @classmethod
    def _one_table_a_source(cls, hl7_source: tuple[Hl7SourceSettings, ...]) -> tuple[Hl7SourceSettings, ...]:
        refuse(one_table_a_source(hl7_source))
        return hl7_source

    @field_validator("pms")
    @classmethod
    def _one_table_a_pms(cls, pms: tuple[PmsSettings, ...]) -> tuple[PmsSettings, ...]:
        refuse([*repeated("pms", "name", [item.name for item in pms]), *faults_of(pms)])
        return pms

    @field_validator("template")
    @classmethod
    def _one_table_a_code(cls, template: tuple[TemplateSettings, ...]) -> tuple[TemplateSettings, ...]:
        refuse(repeated("template", "code", [item.code for item in template]))
        return template

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
        web = self.web
        if web.tls_certificate and web.tls_key and (fault := tls_fault("web", web.tls_certificate, web.tls_key)):
            return fault
        if is_loopback(self.web.host) or self.web.tls_key is not None or self.web.behind_proxy:
            return None
        return (
            f"web.host: {self.web.host} is beyond this machine and nothing encrypts; set web.tls_certificate and "
            "web.tls_key, or web.behind_proxy = true behind a proxy that does, or listen on 127.0.0.1"
        )

    def dicom_tls_refusal(self) -> str | None:
        """Return why DICOM over TLS, which is configured, cannot be served; None when it can, or is not configured."""
        dicom = self.dicom
        if dicom.tls_certificate is None or dicom.tls_key is None:
            return None
        return dicom_tls_fault(dicom.tls_certificate, dicom.tls_key, dicom.tls_client_ca) or None

    def listens_for_hl7(self) -> bool:
        """Say whether any source sends by MLLP."""
        return any(source.folder is None for source in self.hl7_source)

    def hl7_refusal(self) -> str | None:
        """Return why the HL7 listener, which is configured, cannot serve; None when it can, or is not configured."""
        return (self.hl7.tls_fault() or None) if self.listens_for_hl7() else None

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

        def with_files(section: BaseModel) -> BaseModel:
            names = [name for name in TLS_FILES if name in type(section).model_fields]
            return section.model_copy(update={name: at(getattr(section, name)) for name in names})

        url = self.database.url
        changes = {
            "gateway": self.gateway.model_copy(update={"data_dir": at(self.gateway.data_dir)}),
            **{name: with_files(getattr(self, name)) for name in ("dicom", "hl7", "web")},
            "hl7_source": tuple(item.relative_to(folder) for item in self.hl7_source),
            "database": self.database.model_copy(
                update={"url": url and f"{SQLITE}{folder / url.removeprefix(SQLITE)}"}
            ),
            "pms": tuple(item.relative_to(folder) for item in self.pms),
        }
        return self.model_copy(update=changes)


def _listeners(dicom: DicomSettings, hl7: Hl7Settings, web: WebSettings) -> tuple[Listener, ...]:
    secure = () if dicom.tls_key is None else (Listener(DICOM_TLS, dicom.host, dicom.tls_port),)
    return (
        Listener("dicom", dicom.host, dicom.port),
        *secure,
        Listener("hl7", hl7.host, hl7.port),
        Listener("web", web.host, web.port),
    )
