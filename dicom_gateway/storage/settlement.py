"""Settle studies that are due: ask core.completion, end steps that nobody will report, tell the PMS.

`due_at` of a study is a row, so any worker process may do this. Each study is one short transaction; doing it twice
changes nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from peewee import fn

from dicom_gateway.core.completeness import NO_OWN, TEMPLATE, Templates, counted
from dicom_gateway.core.completion import Evidence, Patience, Progress, Verdict, judge
from dicom_gateway.core.devices import Devices
from dicom_gateway.core.envelope import Event, EventType, StudyFacts
from dicom_gateway.core.local_time import SECOND
from dicom_gateway.core.model import Instance, Order, Study
from dicom_gateway.core.ports import Clock
from dicom_gateway.core.status import OPEN, OrderStatus, PerformedStatus, StepEvent, StepStatus
from dicom_gateway.errors import Conflict, NotFound
from dicom_gateway.storage import audit, order_rows, study_rows
from dicom_gateway.storage.audit import GATEWAY, Actor
from dicom_gateway.storage.database import Database, Transaction
from dicom_gateway.storage.outbox import Outbox
from dicom_gateway.storage.study_rows import View
from dicom_gateway.storage.tables import StudyRow

POSTPONED = 600 * SECOND
UNFINISHED = frozenset({StepStatus.STARTED, StepStatus.DEPARTED})


class _Basis(NamedTuple):
    """What a study is settled by: the instant, and the devices as they are then."""

    now: int
    devices: Devices


class Settlement:
    """Finds the studies that are due and settles them. `patience` is that of devices which have none of their own;
    `devices` is asked for each study."""

    def __init__(
        self, database: Database, outbox: Outbox, clock: Clock, patience: Patience, templates: Templates = NO_OWN,
        devices: Callable[[], Devices] = lambda: Devices((), accept_unknown=True),
    ) -> None:  # fmt: skip
        self._database = database
        self._outbox = outbox
        self._clock = clock
        self._patience = patience
        self._templates = templates
        self._devices = devices

    def due(self, limit: int = 50) -> list[str]:
        """Return the UIDs of studies to be settled now, longest due first."""
        query = StudyRow.select(StudyRow.study_instance_uid).where(StudyRow.due_at <= self._clock())
        return self._database.read(lambda tx: tx.values(query.order_by(StudyRow.due_at).limit(limit)))

    def next_due(self) -> int | None:
        """Return when the next study is due."""
        query = StudyRow.select(fn.MIN(StudyRow.due_at)).where(StudyRow.due_at.is_null(False))
        found = self._database.read(lambda tx: tx.value(query))
        return int(found) if found is not None else None

    def settle(self, study_instance_uid: str) -> None:
        """Settle one study."""
        devices = self._devices()
        self._database.write(lambda tx: self._settle(tx, study_instance_uid, _Basis(self._clock(), devices)))

    def postpone(self, study_instance_uid: str, detail: str) -> None:
        """Look at a study again later, with an alarm: settling it failed and must not hold back the others."""
        now = self._clock()

        def run(tx: Transaction) -> None:
            study_rows.set_study(tx, study_instance_uid, due_at=now + POSTPONED)
            audit.raise_alarm(tx, now, "study not settled", f"study {study_instance_uid}", detail)

        self._database.write(run)

    def complete_by_hand(self, study_instance_uid: str, actor: Actor) -> None:
        """Take a study as complete because a person says so; raises NotFound, or Conflict without an order."""
        basis = _Basis(self._clock(), self._devices())

        def run(tx: Transaction) -> None:
            study = study_rows.get_study(tx, study_instance_uid)
            if study is None or not study.received:
                raise NotFound(f"no study {study_instance_uid}")
            order = order_rows.load(tx, study.order_id) if study.order_id else None
            if order is None:
                raise Conflict("this study belongs to no order")
            audit.record(tx, basis.now, actor, "study completed by hand", f"study {study_instance_uid}")
            self._settle_linked(tx, study, order, basis, by_hand=True)

        self._database.write(run)

    def _settle(self, tx: Transaction, study_instance_uid: str, basis: _Basis) -> None:
        study = study_rows.get_study(tx, study_instance_uid)
        if study is None:
            return
        order = order_rows.load(tx, study.order_id) if study.order_id else None
        if order is None:
            self._settle_unmatched(tx, study, basis)
        else:
            self._settle_linked(tx, study, order, basis)

    def _settle_unmatched(self, tx: Transaction, study: Study, basis: _Basis) -> None:
        """Tell once, when it is quiet, that a study waits to be matched; nothing of its contents is delivered."""
        found = [instance for instance, _ in study_rows.instances_of(tx, study.study_instance_uid)]
        patience = basis.devices.patience({instance.calling_ae_title for instance in found}, self._patience)
        quiet_at = study.last_received_at + patience.quiet_seconds * SECOND
        if study.received and basis.now < quiet_at:
            study_rows.set_study(tx, study.study_instance_uid, due_at=quiet_at)
            return
        if study.received:
            self._tell_unmatched(tx, study, found, basis.now)
        study_rows.set_study(tx, study.study_instance_uid, due_at=None)

    def _tell_unmatched(self, tx: Transaction, study: Study, waiting: Sequence[Instance], now: int) -> None:
        """Tell once that images of a study wait, and of which patient they say to be."""
        told = tx.value(
            StudyRow.select(StudyRow.unmatched_told_at).where(StudyRow.study_instance_uid == study.study_instance_uid)
        )
        if told is None and waiting:
            header = waiting[0].header
            theirs = study.evolve(patient_id=header.patient_id.strip(), issuer=header.issuer.strip())
            facts = StudyFacts(theirs, [instance.header for instance in waiting])
            self._outbox.emit(tx, Event(EventType.STUDY_UNMATCHED, now, None, facts))
            study_rows.set_study(tx, study.study_instance_uid, unmatched_told_at=now)

    def _settle_linked(
        self, tx: Transaction, study: Study, order: Order, basis: _Basis, by_hand: bool = False
    ) -> None:  # fmt: skip
        now, view = basis.now, study_rows.view_of(tx, study, order)
        if view is None:
            study_rows.set_study(tx, study.study_instance_uid, due_at=None)
            return
        view = _heeded(view, basis.devices)
        if not _is_awaited(view):
            self._tell_unmatched(tx, study, view.strays, now)
            study_rows.set_study(tx, study.study_instance_uid, due_at=None)
            return
        silent = _without_report(view)
        verdict = Verdict(Evidence.MANUAL) if by_hand else self._judge(view, silent, basis)
        if by_hand:
            study_rows.set_study(tx, study.study_instance_uid, evidence=Evidence.MANUAL.value)
        if verdict.incomplete:
            self._tell_incomplete(tx, study, order, view.facts, now)
        if verdict.evidence:
            events = {step_id: StepEvent.INFER_COMPLETE for step_id in silent}
            order = order_rows.move_steps(tx, self._outbox, order, events, now, GATEWAY, lambda _: view.facts)
            untold = [instance for instance, shown in view.instances if not shown]
            self._report(tx, study, order, view.facts, untold, verdict.evidence, now)
        if view.strays and verdict.look_again_at is None:
            self._tell_unmatched(tx, study, view.strays, now)
        study_rows.set_study(tx, study.study_instance_uid, due_at=verdict.look_again_at)

    def _judge(self, view: View, silent: Sequence[str], basis: _Basis) -> Verdict:
        """Judge the study as its devices reported it, and the steps of devices that report nothing on their own."""
        patience = basis.devices.patience(_devices_of(view), self._patience)
        verdict = judge(self._expecting(view.progress, view), patience, basis.now)
        if not silent or not view.reported or verdict.evidence is None:
            return verdict
        theirs = [instance for instance, _ in view.instances if instance.step_id in ("", *silent)]
        unreported = Progress(
            frozenset(instance.header.sop_instance_uid for instance in theirs),
            view.progress.last_received_at,
            received=len(counted([instance.header for instance in theirs])),
        )
        rest = judge(self._expecting(unreported, view, silent), patience, basis.now)
        return verdict if rest.evidence else rest

    def _expecting(self, progress: Progress, view: View, step_ids: Sequence[str] = ()) -> Progress:
        """Return the progress beside the number of images that the order, or a template, expects of the steps."""
        expected = self._templates.expected(view.procedure, step_ids)
        if expected is None:
            return progress
        return replace(progress, expected=expected.images, is_advice=expected.origin == TEMPLATE)

    def _report(
        self, tx: Transaction, study: Study, order: Order, facts: StudyFacts, untold: Sequence[Instance],
        evidence: Evidence, now: int,
    ) -> None:  # fmt: skip
        """Queue study.received once, and study.updated for what comes later."""
        late = study.reported_at is not None
        if not untold:
            return
        kind = EventType.STUDY_UPDATED if late else EventType.STUDY_RECEIVED
        keys = tuple(instance.key for instance in untold)
        self._outbox.emit(tx, Event(kind, now, order, facts, keys, evidence.value, late))
        study_rows.told(tx, keys, now)
        if not late:
            study_rows.set_study(tx, study.study_instance_uid, reported_at=now, evidence=evidence.value)

    def _tell_incomplete(self, tx: Transaction, study: Study, order: Order, facts: StudyFacts, now: int) -> None:
        told = tx.value(
            StudyRow.select(StudyRow.incomplete_told_at).where(
                StudyRow.order_id == order.id,
                StudyRow.requested_procedure_id == study.requested_procedure_id,
                StudyRow.incomplete_told_at.is_null(False),
            )
        )
        if told is None and order.status in (OrderStatus.STARTED, OrderStatus.COMPLETED):
            self._outbox.emit(tx, Event(EventType.ORDER_INCOMPLETE, now, order, facts))
            study_rows.set_study(tx, study.study_instance_uid, incomplete_told_at=now)


def _is_awaited(view: View) -> bool:
    """Say whether anything is to be told of a study: one of its steps has begun, and it has images, or somebody waits
    for some. A study that a performed step announced while its images came under another UID is not awaited."""
    if all(step.status in OPEN or step.status is StepStatus.CANCELED for step in view.procedure.steps):
        return False
    return bool(view.instances) or not view.progress.also_here or bool(view.facts.missing)


def _heeded(view: View, devices: Devices) -> View:
    """Return the view without the open performed steps of devices that are known not to report: whatever they begin,
    they end nothing, and their images would wait for ever."""
    kept = {
        uid: (report, step_ids)
        for uid, (report, step_ids) in view.reported.items()
        if report.status is not PerformedStatus.IN_PROGRESS or devices.profile(report.calling_ae_title).sends_mpps
    }
    progress = replace(view.progress, reported=[report for report, _ in kept.values()])
    return replace(view, reported=kept, progress=progress)


def _devices_of(view: View) -> set[str]:
    """Return the calling AE titles of those who sent images of a study or reported a performed step of it."""
    reporting = {report.calling_ae_title for report, _ in view.reported.values()}
    return reporting | {instance.calling_ae_title for instance, _ in view.instances}


def _without_report(view: View) -> list[str]:
    """Return the started steps that no performed step speaks for."""
    spoken_for = {step_id for _, step_ids in view.reported.values() for step_id in step_ids}
    return [step.id for step in view.procedure.steps if step.status in UNFINISHED and step.id not in spoken_for]
