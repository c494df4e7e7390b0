"""The settings of the DICOM side: its two ports, what a peer may take of them, and the devices.

TLS has a port of its own, which PS3.15 B.12 asks for; 2762 is the one registered for it. The defaults of the limits are
those of upperlayer/limits.py.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from dicom_gateway.core.device_document import DeviceDocument
from dicom_gateway.settings_values import (
    UID,
    AETitle,
    Contradiction,
    EmptyIsNone,
    File,
    Host,
    Kilobytes,
    Megabytes,
    Most,
    ObjectSizes,
    Port,
    RequestKilobytes,
    Seconds,
    Section,
    both_or_neither,
    refuse,
)
from dicom_gateway.upperlayer.limits import DEFAULT_LIMITS, Limits


class DicomSettings(Section):
    """The DICOM listener."""

    ae_title: AETitle = Field(default="DCMGATEWAY", description="AE title of the gateway.")
    host: Host = Field(
        default="127.0.0.1", description="Address to listen on; 0.0.0.0 is every IPv4 address of this machine."
    )
    port: Port = Field(default=11112, description="TCP port; 0 takes any free one.")
    tls_port: Port = Field(
        default=2762, description="TCP port for DICOM over TLS, used once tls_certificate and tls_key are set."
    )
    tls_certificate: Annotated[File | None, EmptyIsNone] = Field(
        default=None, description="PEM file of the certificate with its chain; goes with tls_key."
    )
    tls_key: Annotated[File | None, EmptyIsNone] = Field(
        default=None, description="PEM file of the certificate's private key."
    )
    tls_client_ca: Annotated[File | None, EmptyIsNone] = Field(
        default=None,
        description="PEM file of CAs; with it a device must show a certificate of one of them, on the TLS port.",
    )
    unknown_devices: Annotated[Literal["accept", "refuse"] | None, EmptyIsNone] = Field(
        default=None,
        description="What happens to a calling AE title that is no device: accept or refuse; "
        "empty: accept while every listener is on loopback, else refuse.",
    )
    check_called_ae_title: bool = Field(
        default=False, description="Refuse associations that call another AE title than ours."
    )
    extra_storage_classes: tuple[UID, ...] = Field(
        default=(), description="SOP Class UIDs to accept for storage beyond the standard ones."
    )

    @field_validator("tls_key")
    @classmethod
    def _with_its_certificate(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        return both_or_neither("dicom", value, info)

    @field_validator("tls_client_ca")
    @classmethod
    def _only_with_tls(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is not None and "tls_key" in info.data and info.data["tls_key"] is None:
            refuse([Contradiction((), "is set without dicom.tls_certificate and dicom.tls_key", "all three or none")])
        return value

    @model_validator(mode="after")
    def _two_ports(self) -> Self:
        if self.tls_key is not None and self.port == self.tls_port != 0:
            refuse([Contradiction(("dicom", "tls_port"), f"is {self.tls_port}, as dicom.port is", "another port")])
        return self


_NOT_MORE_THAN = (
    ("connections_per_address", "connections"),
    ("associations", "connections"),
    ("associations_per_device", "associations"),
)


class LimitsSettings(Section):
    """What devices may take of the DICOM ports, plain and TLS together."""

    connections: Most = Field(
        default=DEFAULT_LIMITS.connections, description="Most open connections; one more is closed at once."
    )
    connections_per_address: Most = Field(
        default=DEFAULT_LIMITS.connections_per_address, description="Most open connections from one address."
    )
    associations: Most = Field(
        default=DEFAULT_LIMITS.associations, description="Most associations; one more is rejected (2/3/2)."
    )
    associations_per_device: Most = Field(
        default=DEFAULT_LIMITS.associations_per_device, description="Most associations of one calling AE title."
    )
    handshake_seconds: Seconds = Field(
        default=int(DEFAULT_LIMITS.handshake_seconds), description="Seconds for the TLS handshake."
    )
    request_seconds: Seconds = Field(
        default=int(DEFAULT_LIMITS.request_seconds), description="Seconds until the association request is there."
    )
    pdu_seconds: Seconds = Field(
        default=int(DEFAULT_LIMITS.pdu_seconds), description="Seconds from the first byte of a PDU to its last."
    )
    idle_seconds: Seconds = Field(
        default=int(DEFAULT_LIMITS.idle_seconds),
        description="Seconds without a PDU after which an association is aborted.",
    )
    send_seconds: Seconds = Field(
        default=int(DEFAULT_LIMITS.send_seconds), description="Seconds that a device has to take what is sent to it."
    )
    request_kb: RequestKilobytes = Field(
        default=DEFAULT_LIMITS.request_bytes >> 10, description="Largest association request, in KB."
    )
    command_kb: Kilobytes = Field(
        default=DEFAULT_LIMITS.command_bytes >> 10, description="Largest command set of a message, in KB."
    )
    identifier_mb: Megabytes = Field(
        default=DEFAULT_LIMITS.identifier_bytes >> 20,
        description="Largest data set of a query or a report of a performed step, in MB.",
    )
    object_mb: Megabytes = Field(default=DEFAULT_LIMITS.object_bytes >> 20, description="Largest object, in MB.")
    object_mb_of: ObjectSizes = Field(
        default={}, description="Largest object in MB by SOP Class UID, where it is not object_mb."
    )

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        found = []
        for name, larger in _NOT_MORE_THAN:
            value, bound = getattr(self, name), getattr(self, larger)
            if value > bound:
                what = f"is {value} while limits.{larger} is {bound}"
                found.append(Contradiction(("limits", name), what, f"at most {bound}, or a larger limits.{larger}"))
        refuse(found)
        return self

    def as_limits(self) -> Limits:
        """Return them as the association layer takes them: bytes and seconds."""
        return Limits(
            connections=self.connections,
            connections_per_address=self.connections_per_address,
            associations=self.associations,
            associations_per_device=self.associations_per_device,
            handshake_seconds=self.handshake_seconds,
            request_seconds=self.request_seconds,
            pdu_seconds=self.pdu_seconds,
            idle_seconds=self.idle_seconds,
            send_seconds=self.send_seconds,
            request_bytes=self.request_kb << 10,
            command_bytes=self.command_kb << 10,
            identifier_bytes=self.identifier_mb << 20,
            object_bytes=self.object_mb << 20,
            object_bytes_of={uid: megabytes << 20 for uid, megabytes in self.object_mb_of.items()},
        )


class DeviceSettings(DeviceDocument):
    """A device: an AE that calls the gateway."""
