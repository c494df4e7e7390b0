"""Received studies: each object is indexed, linked and its steps moved in one transaction; reads for API and page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from peewee import fn

from dicom_gateway.core.devices import Device
from dicom_gateway.core.linking import Link, LinkReason
from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.model import Instance, InstanceHeader, StoredObject, Study
from dicom_gateway.core.ports import Clock
from dicom_gateway.errors import NotFound
from dicom_gateway.storage import audit, order_rows, study_rows
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.database import Database, Transaction
from dicom_gateway.storage.linker import alarm_waiting, link_instance, started_by
from dicom_gateway.storage.outbox import Outbox
from dicom_gateway.storage.prepared import Statement, given, several
from dicom_gateway.storage.tables import (
    InstanceRow,
    OrderRow,
    PerformedImageRow,
    PerformedLinkRow,
    QuarantineRow,
    StudyRow,
)

_FIND_SAME = Statement(
    InstanceRow.select()
    .where(
        InstanceRow.sop_instance_uid == given("sop_instance_uid"),
        InstanceRow.transfer_syntax_uid == given("transfer_syntax_uid"),
        InstanceRow.sha256 == given("sha256"),
    )
    .limit(1)
)
_VERSIONS = Statement(
    InstanceRow.select(InstanceRow.transfer_syntax_uid, InstanceRow.sha256, InstanceRow.version).where(
        InstanceRow.sop_instance_uid == given("sop_instance_uid")
    )
)


def _look_soon_if_all_here() -> Statement:
    """Return what makes a study due when performed steps name images of some steps, and none is lacking but this."""
    named = (
        PerformedImageRow.select(PerformedImageRow.sop_instance_uid)
        .join(PerformedLinkRow, on=(PerformedLinkRow.performed_uid == PerformedImageRow.performed_uid))
        .where(PerformedLinkRow.order_id == given("order_id"), PerformedLinkRow.step_id.in_(several("step_ids")))
    )
    here = InstanceRow.select(InstanceRow.key).where(InstanceRow.sop_instance_uid == PerformedImageRow.sop_instance_uid)
    lacking = named.where(PerformedImageRow.sop_instance_uid != given("sop_instance_uid"), ~fn.EXISTS(here))
    return Statement(
        StudyRow.update(due_at=given("now")).where(
            StudyRow.study_instance_uid == given("study_instance_uid"), fn.EXISTS(named), ~fn.EXISTS(lacking)
        )
    )


_LOOK_SOON_IF_ALL_HERE = _look_soon_if_all_here()


class Received(StrEnum):
    """What a received object turned out to be."""

    NEW = "new"
    SAME = "same"  # the same bytes once more: nothing new is kept
    RE_ENCODED = "re-encoded"  # the same instance in another transfer syntax: kept as a version
    CONFLICT = "conflict"  # the same instance with other contents: kept as a version


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A refused object of which a bounded copy is kept."""

    calling_ae_title: str
    address: str
    sop_class_uid: str
    sop_instance_uid: str
    dimse_status: int
    reason: str
    object_name: str
    data_length: int


class StudyStore:
    """Studies, their instances, and what was refused. `profile` gives the device of a calling AE title."""

    def __init__(
        self, database: Database, outbox: Outbox, clock: Clock, quiet_seconds: int,
        profile: Callable[[str], Device] = Device,
    ) -> None:  # fmt: skip
        self._database = database
        self._outbox = outbox
        self._clock = clock
        self._quiet_seconds = quiet_seconds
        self._profile = profile

    def find_same(self, sop_instance_uid: str, transfer_syntax_uid: str, sha256: str) -> Instance | None:
        """Return the instance that has just these bytes."""
        row = self._database.read(
            lambda tx: tx.row(
                _FIND_SAME, sop_instance_uid=sop_instance_uid, transfer_syntax_uid=transfer_syntax_uid, sha256=sha256
            )
        )
        return study_rows.instance_of(row) if row else None

    def restore(self, instance: Instance, stored: StoredObject) -> None:
        """Point an instance whose file is gone to the same bytes, received again."""
        query = InstanceRow.update(object_name=stored.name, data_offset=stored.offset)
        self._database.write(lambda tx: tx.execute(query.where(InstanceRow.key == instance.key)))

    def receive(self, header: InstanceHeader, stored: StoredObject, calling_ae_title: str, address: str) -> Received:
        """Index an object whose bytes are durable; link it and move its step. Durable when this returns.

        SAME means that its bytes are known already and the caller's file is not referred to.
        """
        now = self._clock()
        own = self._profile(calling_ae_title).quiet_seconds
        quiet_at = now + (self._quiet_seconds if own is None else own) * SECOND
        actor = Actor(f"device {calling_ae_title}", address)

        def run(tx: Transaction) -> Received:
            kind, version = _compare(tx, header, stored)
            if kind is Received.SAME:
                return kind
            # A further version belongs nowhere by itself: the first stays current until a person chooses.
            link = link_instance(tx, header) if version == 1 else Link(LinkReason.VERSION)
            flags = _flags(header, kind, link)
            study = self._put_study(tx, header, link, now, quiet_at if version == 1 else None)
            instance = Instance(
                key=0,
                header=header,
                stored=stored,
                received_at=now,
                calling_ae_title=calling_ae_title,
                version=version,
                current=version == 1,
                order_id=link.order_id,
                step_id=link.step_id,
                link_reason=link.reason.value,
                flags=flags,
            )
            study_rows.add_instance(tx, instance)
            if version > 1:
                audit.raise_alarm(tx, now, f"instance {kind.value}", header.sop_instance_uid, f"from {actor.who}")
            elif link.order_id:
                self._start(tx, link, study, now, actor)
            elif link.reason is LinkReason.PATIENT_DIFFERS or study.order_id:
                alarm_waiting(tx, now, link.reason, header, actor)
            return kind

        return self._database.write(run)

    def _put_study(
        self, tx: Transaction, header: InstanceHeader, link: Link, now: int, quiet_at: int | None
    ) -> Study:  # fmt: skip
        """Write the study with one more image, to be looked at when it is quiet; None: a version, which counts not."""
        known = study_rows.get_study(tx, header.study_instance_uid)
        if known and quiet_at is None:
            return known
        study = _placed(known or _new_study(header, now), link, header)
        write = study_rows.put_study if study != known else study_rows.count_image
        if quiet_at is not None:
            study = study.evolve(received=study.received + 1, last_received_at=now)
        write(tx, study, now if quiet_at is None else quiet_at)
        self._look_soon(tx, study, link, header, now)
        return study

    def _look_soon(self, tx: Transaction, study: Study, link: Link, header: InstanceHeader, now: int) -> None:
        """Let the worker look at once when this is the last image that the performed steps of its steps name."""
        if study.reported_at is not None or not link.order_id:
            return
        made_due = tx.execute(
            _LOOK_SOON_IF_ALL_HERE,
            study_instance_uid=study.study_instance_uid,
            order_id=link.order_id,
            step_ids=[step.step_id for step in link.steps],
            sop_instance_uid=header.sop_instance_uid,
            now=now,
        )
        if made_due:
            tx.wake("worker")

    def _start(self, tx: Transaction, link: Link, study: Study, now: int, actor: Actor) -> None:
        """Move the steps that a first image starts."""
        events = started_by(tx, link)
        order = order_rows.load(tx, link.order_id) if events else None
        if order:
            facts = partial(study_rows.facts_of, tx, study=study)
            order_rows.move_steps(tx, self._outbox, order, events, now, actor, facts)

    def quarantine(self, refused: Quarantined) -> None:
        """Record an object that was refused, with an alarm."""
        now = self._clock()

        def run(tx: Transaction) -> None:
            tx.execute(
                QuarantineRow.insert(
                    at=now,
                    calling_ae_title=refused.calling_ae_title,
                    address=refused.address,
                    sop_class_uid=refused.sop_class_uid,
                    sop_instance_uid=refused.sop_instance_uid,
                    dimse_status=refused.dimse_status,
                    reason=refused.reason,
                    object_name=refused.object_name,
                    data_length=refused.data_length,
                )
            )
            audit.raise_alarm(tx, now, "object refused", refused.calling_ae_title, refused.reason)

        self._database.write(run)

    def quarantined(self) -> list[Quarantined]:
        """Return what was refused, newest first."""
        rows = self._database.read(lambda tx: tx.rows(QuarantineRow.select().order_by(QuarantineRow.key.desc())))
        return [Quarantined(**{k: v for k, v in row.items() if k not in ("key", "at")}) for row in rows]

    def find(
        self, order_id: str = "", source: str = "", limit: int = 100, before: tuple[int, str] | None = None
    ) -> Sequence[Study]:
        """Return received studies, newest first, of one order, or of the orders of one source; `before` is
        (last_received_at, UID) of the last one seen."""
        query = StudyRow.select().where(StudyRow.received > 0)
        if order_id:
            query = query.where(StudyRow.order_id == order_id)
        if source:
            query = query.join(OrderRow, on=(OrderRow.id == StudyRow.order_id)).where(OrderRow.source == source)
        if before:
            at, uid = before
            query = query.where(
                (StudyRow.last_received_at < at)
                | ((StudyRow.last_received_at == at) & (StudyRow.study_instance_uid < uid))
            )
        query = query.order_by(StudyRow.last_received_at.desc(), StudyRow.study_instance_uid.desc()).limit(limit)
        return self._database.read(lambda tx: _counted(tx, [study_rows.study_of(row) for row in tx.rows(query)]))

    def get(self, study_instance_uid: str) -> tuple[Study, Sequence[Instance]]:
        """Return a study and all its instances, versions included; raises NotFound."""

        def run(tx: Transaction) -> tuple[Study, Sequence[Instance]]:
            study = study_rows.get_study(tx, study_instance_uid)
            if study is None or not study.received:
                raise NotFound(f"no study {study_instance_uid}")
            query = InstanceRow.select().where(InstanceRow.study_instance_uid == study_instance_uid)
            found = [study_rows.instance_of(row) for row in tx.rows(query.order_by(InstanceRow.key))]
            return _counted(tx, [study])[0], found

        return self._database.read(run)

    def instance(self, sop_instance_uid: str) -> Instance:
        """Return the current version of an instance; raises NotFound."""
        query = InstanceRow.select().where(InstanceRow.sop_instance_uid == sop_instance_uid, InstanceRow.current == 1)
        row = self._database.read(lambda tx: tx.row(query))
        if row is None:
            raise NotFound(f"no instance {sop_instance_uid}")
        return study_rows.instance_of(row)

    def instances(self, keys: Sequence[int]) -> list[Instance]:
        """Return instances by key, in the order of the keys."""

        def run(tx: Transaction) -> dict[int, Instance]:
            found: dict[int, Instance] = {}
            for start in range(0, len(keys), 500):
                query = InstanceRow.select().where(InstanceRow.key.in_(list(keys[start : start + 500])))
                found |= {row["key"]: study_rows.instance_of(row) for row in tx.rows(query)}
            return found

        by_key = self._database.read(run)
        return [by_key[key] for key in keys if key in by_key]

    def knows_object(self, name: str) -> bool:
        """Say whether a file of the object store belongs to an instance or to the quarantine."""
        queries = (
            InstanceRow.select(InstanceRow.key).where(InstanceRow.object_name == name),
            QuarantineRow.select(QuarantineRow.key).where(QuarantineRow.object_name == name),
        )
        return self._database.read(lambda tx: any(tx.value(query) is not None for query in queries))

    def object_names(self, after: int, limit: int) -> list[tuple[int, str]]:
        """Return (key, name on disk) of instances after a key, for checking the store against the index."""
        query = InstanceRow.select(InstanceRow.key, InstanceRow.object_name).where(InstanceRow.key > after)
        rows = self._database.read(lambda tx: tx.rows(query.order_by(InstanceRow.key).limit(limit)))
        return [(row["key"], row["object_name"]) for row in rows]


def _counted(tx: Transaction, studies: Sequence[Study]) -> Sequence[Study]:
    """Return studies with what belongs to their order counted apart from what waits."""
    linked = study_rows.linked_counts(tx, [study.study_instance_uid for study in studies if study.order_id])
    return [
        study.evolve(received=here, waiting=study.received - here)
        if study.order_id and (here := linked.get(study.study_instance_uid, 0)) != study.received
        else study
        for study in studies
    ]


def _new_study(header: InstanceHeader, now: int) -> Study:
    return Study(
        header.study_instance_uid,
        patient_id=header.patient_id.strip(),
        issuer=header.issuer.strip(),
        patient_name=header.patient_name,
        accession_number=header.accession_number.strip(),
        modality=header.modality,
        started_at=now,
    )


def _placed(study: Study, link: Link, header: InstanceHeader) -> Study:
    """Return the study with what one more of its images says of where it belongs."""
    if study.order_id or link.order_id:
        study = study_rows.linked(study, link, header)
    elif study.link_reason != link.reason.value:
        study = study.evolve(link_reason=link.reason.value)
    if study.order_id == link.order_id and not (study.modality and study.patient_name):
        study = study.evolve(
            modality=study.modality or header.modality, patient_name=study.patient_name or header.patient_name
        )
    return study


def _flags(header: InstanceHeader, kind: Received, link: Link) -> tuple[str, ...]:
    more = [kind.value] if kind is not Received.NEW else []
    if link.reason is LinkReason.PATIENT_DIFFERS:
        more.append("patient_differs")
    return (*header.flags, *more)


def _compare(tx: Transaction, header: InstanceHeader, stored: StoredObject) -> tuple[Received, int]:
    """Return what the object is beside those of the same SOP Instance UID, and which version it would be."""
    known = tx.rows(_VERSIONS, sop_instance_uid=header.sop_instance_uid)
    if not known:
        return Received.NEW, 1
    version = max(row["version"] for row in known) + 1
    syntaxes = {row["transfer_syntax_uid"] for row in known}
    if any(
        row["sha256"] == stored.sha256 and row["transfer_syntax_uid"] == stored.transfer_syntax_uid for row in known
    ):
        return Received.SAME, version
    return (Received.CONFLICT if stored.transfer_syntax_uid in syntaxes else Received.RE_ENCODED), version
