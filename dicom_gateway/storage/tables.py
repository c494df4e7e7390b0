"""The tables as peewee models. They never leave storage/: stores take and give values of core.

The models are not bound to a database; Transaction executes each query on its own connection. The SQL under
migrations/ is what makes the tables; a test holds both to the same columns.
"""

import peewee
from peewee import BigIntegerField, IntegerField, TextField

from dicom_gateway.storage import (  # noqa: F401 - these are tables too
    local_settings_tables,
    match_tables,
    message_tables,
    observation_tables,
    patient_tables,
    user_tables,
)
from dicom_gateway.storage.row import BaseRow as _Row


class CounterRow(_Row):
    """A durable counter for minted identifiers."""

    name = TextField(primary_key=True)
    value = BigIntegerField()

    class Meta:
        table_name = "counter"


class OrderRow(_Row):
    """An order; `document` is the whole order as JSON."""

    id = TextField(primary_key=True)
    source = TextField()
    placer_order_number = TextField()
    status = TextField()
    version = IntegerField()
    created_at = BigIntegerField()
    changed_at = BigIntegerField()
    accession_number = TextField()
    original_accession_number = TextField()
    patient_id = TextField()
    issuer = TextField()
    document = TextField()

    class Meta:
        table_name = "imaging_order"


class StepRow(_Row):
    """A scheduled step: what worklist queries and linking look for; the values served are in the order's document."""

    key = BigIntegerField(primary_key=True)
    order_id = TextField()
    procedure_position = IntegerField()
    step_position = IntegerField()
    requested_procedure_id = TextField()
    original_procedure_id = TextField()
    study_instance_uid = TextField()
    step_id = TextField()
    original_step_id = TextField()
    status = TextField()
    shown = IntegerField()  # on a worklist that does not ask for a status
    modality = TextField()
    start_date = TextField()  # DA, local
    start_utc = BigIntegerField()
    patient_id = TextField()
    patient_name = TextField()  # folded, to look it up
    accession_number = TextField()

    class Meta:
        table_name = "scheduled_step"


class StationRow(_Row):
    """One station AE title of a scheduled step, with what of the step a query for that station goes by."""

    ae_title = TextField()
    shown = IntegerField()
    start_date = TextField()
    start_utc = BigIntegerField()
    step_key = BigIntegerField()

    class Meta:
        table_name = "scheduled_station"
        primary_key = False


class PerformedStepRow(_Row):
    """A performed step; `document` is the whole as JSON."""

    sop_instance_uid = TextField(primary_key=True)
    status = TextField()
    calling_ae_title = TextField()
    created_at = BigIntegerField()
    changed_at = BigIntegerField()
    document = TextField()

    class Meta:
        table_name = "performed_step"


class PerformedReferenceRow(_Row):
    """An item of a performed step's ScheduledStepAttributesSequence, and why it is linked or waits."""

    performed_uid = TextField()
    position = IntegerField()
    study_instance_uid = TextField()
    accession_number = TextField()
    link_reason = TextField()

    class Meta:
        table_name = "performed_reference"
        primary_key = False


class PerformedLinkRow(_Row):
    """A scheduled step that a performed step performs."""

    performed_uid = TextField()
    position = IntegerField()
    order_id = TextField()
    step_id = TextField()
    requested_procedure_id = TextField()

    class Meta:
        table_name = "performed_link"
        primary_key = False


class PerformedImageRow(_Row):
    """An instance that a performed step names."""

    performed_uid = TextField()
    sop_instance_uid = TextField()

    class Meta:
        table_name = "performed_image"
        primary_key = False


class StudyRow(_Row):
    """A study: received, or announced by a performed step. `due_at`: look at it again then."""

    study_instance_uid = TextField(primary_key=True)
    order_id = TextField()
    requested_procedure_id = TextField()
    link_reason = TextField()
    patient_id = TextField()
    issuer = TextField()
    patient_name = TextField()
    accession_number = TextField()
    modality = TextField()
    started_at = BigIntegerField()
    last_received_at = BigIntegerField()
    due_at = BigIntegerField(null=True)
    reported_at = BigIntegerField(null=True)
    unmatched_told_at = BigIntegerField(null=True)
    incomplete_told_at = BigIntegerField(null=True)
    evidence = TextField()
    received = IntegerField()

    class Meta:
        table_name = "study"


class InstanceRow(_Row):
    """A received object. `told_at`: it was part of an event."""

    key = BigIntegerField(primary_key=True)
    sop_instance_uid = TextField()
    version = IntegerField()
    current = IntegerField()
    sop_class_uid = TextField()
    study_instance_uid = TextField()
    series_instance_uid = TextField()
    accession_number = TextField()
    transfer_syntax_uid = TextField()
    sha256 = TextField()
    object_name = TextField()
    data_offset = IntegerField()
    data_length = BigIntegerField()
    received_at = BigIntegerField()
    calling_ae_title = TextField()
    order_id = TextField()
    step_id = TextField()
    link_reason = TextField()
    flags = TextField()
    header = TextField()
    told_at = BigIntegerField(null=True)

    class Meta:
        table_name = "instance"


class EventRow(_Row):
    """Something a PMS is told; `envelope` is what was true then, `instance_keys` the instances that it shows."""

    id = TextField(primary_key=True)
    type = TextField()
    occurred_at = BigIntegerField()
    source = TextField()
    subject = TextField()
    order_id = TextField()
    study_instance_uid = TextField()
    envelope = TextField()
    instance_keys = TextField()

    class Meta:
        table_name = "event"


class DeliveryRow(_Row):
    """An event on its way to one target."""

    key = BigIntegerField(primary_key=True)
    event_id = TextField()
    target = TextField()
    subject = TextField()
    status = TextField()
    created_at = BigIntegerField()
    due_at = BigIntegerField(null=True)
    first_try_at = BigIntegerField(null=True)
    attempts = IntegerField()
    lease_owner = TextField()
    lease_until = BigIntegerField()
    detail = TextField()
    finished_at = BigIntegerField(null=True)

    class Meta:
        table_name = "delivery"


class TargetRow(_Row):
    """A target that is paused, and why."""

    name = TextField(primary_key=True)
    paused_at = BigIntegerField(null=True)
    reason = TextField()

    class Meta:
        table_name = "target"


class AuditRow(_Row):
    """Who did what, when, from where."""

    key = BigIntegerField(primary_key=True)
    at = BigIntegerField()
    who = TextField()
    origin = TextField()
    action = TextField()
    subject = TextField()
    detail = TextField()

    class Meta:
        table_name = "audit"


class AlarmRow(_Row):
    """Something a person must look at."""

    key = BigIntegerField(primary_key=True)
    raised_at = BigIntegerField()
    kind = TextField()
    subject = TextField()
    detail = TextField()
    count = IntegerField()

    class Meta:
        table_name = "alarm"


class TokenRow(_Row):
    """An API token, hashed."""

    name = TextField(primary_key=True)
    role = TextField()
    source = TextField()
    sha256 = TextField()
    created_at = BigIntegerField()
    revoked_at = BigIntegerField(null=True)

    class Meta:
        table_name = "token"


class DeviceRow(_Row):
    """A device that was configured here, not in gateway.toml; `document` is the whole as JSON."""

    ae_title = TextField(primary_key=True)
    document = TextField()
    created_at = BigIntegerField()
    changed_at = BigIntegerField()

    class Meta:
        table_name = "device"


class UnknownDeviceRow(_Row):
    """A device that was refused, and its last attempt; `proposed` is a JSON list of abstract syntaxes."""

    ae_title = TextField()
    address = TextField()
    called_ae_title = TextField()
    first_seen_at = BigIntegerField()
    last_seen_at = BigIntegerField()
    attempts = IntegerField()
    reason = TextField()
    proposed = TextField()
    tls = IntegerField()

    class Meta:
        table_name = "unknown_device"
        primary_key = peewee.CompositeKey("ae_title", "address")


class QuarantineRow(_Row):
    """An object that was refused, of which a bounded copy is kept."""

    key = BigIntegerField(primary_key=True)
    at = BigIntegerField()
    calling_ae_title = TextField()
    address = TextField()
    sop_class_uid = TextField()
    sop_instance_uid = TextField()
    dimse_status = IntegerField()
    reason = TextField()
    object_name = TextField()
    data_length = BigIntegerField()

    class Meta:
        table_name = "quarantine"


TABLES: tuple[type[_Row], ...] = tuple(_Row.__subclasses__())
