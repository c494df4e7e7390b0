"""Why a step of an order is on the worklist of a device, or is not: what was observed, brought to core.explain.

The queries are those that the device really sent, read and matched by the code that answers them (PS3.4 K.4.1).
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

from dicom_gateway.core.animal_names import as_named
from dicom_gateway.core.character_set_choice import choice_of
from dicom_gateway.core.character_sets import known, repertoire
from dicom_gateway.core.devices import Device, Devices
from dicom_gateway.core.explain import OUT_OF_RESOURCES, UNKNOWN, Asked, Attempt, Observed, explain_step
from dicom_gateway.core.explain_answer import step_document
from dicom_gateway.core.explain_keys import compare, raw_texts
from dicom_gateway.core.habits import Habit
from dicom_gateway.core.local_time import local_now
from dicom_gateway.core.matching import Query, compile_query
from dicom_gateway.core.model import Order, RequestedProcedure, ScheduledStep
from dicom_gateway.core.ports import Clock
from dicom_gateway.core.status import StepStatus
from dicom_gateway.core.worklist_values import Item
from dicom_gateway.dicom.elements import CANNOT_ENCODE, AnswerWriter, ElementValues
from dicom_gateway.dicom.identifier import read_request
from dicom_gateway.errors import RefusedObject
from dicom_gateway.storage.observations import KeptQuery, ObservationStore, Served
from dicom_gateway.storage.unknown_devices import UnknownDevices
from dicom_gateway.storage.worklist import Worklist


class _Read:
    """A kept query, read once for every step."""

    def __init__(self, kept: KeptQuery) -> None:
        self.kept = kept
        self.query: Query | None = None
        self.terms: tuple[str, ...] = ()
        self.raw: dict[str, str] = {}
        self.too_many = False
        self.unencodable = ""
        try:
            request = read_request(BytesIO(kept.identifier), kept.transfer_syntax_uid)
            self.query = compile_query(request.data_set)
            self.terms = request.character_set
            self.raw = raw_texts(request.data_set)
        except Exception:  # whatever a library makes of garbage: the verdict says that it cannot be read
            self.query = None

    def carries(self, text: str) -> bool:
        """Say whether the character set of the query carries a text."""
        return all(map(repertoire(known(self.terms)).carries, text))


class Explainer:
    """Explains; `devices` gives those of just now."""

    def __init__(
        self, observations: ObservationStore, unknown_devices: UnknownDevices, worklist: Worklist,
        devices: Callable[[], Devices], clock: Clock, zone: ZoneInfo, max_answers: int, hide_after_days: int,
    ) -> None:  # fmt: skip
        self._observations = observations
        self._unknown_devices = unknown_devices
        self._worklist = worklist
        self._devices = devices
        self._clock = clock
        self._zone = zone
        self._max_answers = max_answers
        self._hide_after_days = hide_after_days

    def explain(self, order: Order, ae_title: str) -> dict[str, Any]:
        """Return, as the API shows it, whether each step of an order is on the worklist of a device, and why."""
        steps = [step_document(observed, *explain_step(observed)) for observed in self._observed(order, ae_title)]
        return {"order_id": order.id, "ae_title": ae_title, "steps": steps}

    def _observed(self, order: Order, ae_title: str) -> Iterator[Observed]:
        devices, attempts = self._devices(), self._attempts(ae_title)
        device = devices.profile(ae_title)
        kept = self._observations.queries_of(ae_title)
        calls = [(one.at, one.address) for one in attempts] + [(one.at, one.address) for one in kept]
        called_from = max(calls, default=(0, ""))[1]
        queries = [self._read(device, one) for one in kept]
        habits = self._observations.habits_of(ae_title)
        served = {one.step_id: one for one in self._served(order, ae_title)}
        for procedure in order.procedures:
            for step in procedure.steps:
                one = served.get(step.id)
                yield Observed(
                    step=step,
                    device=device,
                    refusal=_refusal(devices, ae_title, called_from),
                    attempts=attempts,
                    used={seen.name: seen.last_at for seen in habits if seen.kind is Habit.SERVICE},
                    queries=[self._asked(device, order, procedure, step, read) for read in queries],
                    served=(one.first_at, one.last_at) if one else None,
                    changed_at=self._observations.changed_at(order.id),
                    is_changed=order.version > 1,
                    not_before=self._not_before(),
                    max_answers=self._max_answers,
                    when=self._when,
                    alike=_alike(devices, ae_title, step),
                )

    def _asked(
        self, device: Device, order: Order, procedure: RequestedProcedure, step: ScheduledStep, read: _Read
    ) -> Asked:
        kept, query = read.kept, read.query
        if query is None:
            return Asked(kept.at, kept.address, kept.status, kept.answers, kept.times, readable=False)
        item = _values(device, order, procedure, step)
        keys = tuple(compare(query, item, " and ".join(filter(None, read.terms)), read.carries, read.raw))
        return Asked(
            kept.at,
            kept.address,
            kept.status,
            kept.answers,
            kept.times,
            names_status=not query.hides_final,
            too_many=read.too_many,
            unencodable=read.unencodable,
            keys=keys,
        )

    def _read(self, device: Device, kept: KeptQuery) -> _Read:
        read = _Read(kept)
        if read.query is not None and kept.status in (OUT_OF_RESOURCES, CANNOT_ENCODE):
            self._reason_of_refusal(device, read, read.query)
        return read

    def _reason_of_refusal(self, device: Device, read: _Read, query: Query) -> None:
        """Find out why a query was refused as a whole: too many answers, or one that cannot be written."""
        writer = AnswerWriter(True, choice_of(device.character_sets, read.terms), refuses=True)
        found = 0
        for step, values in self._matching(device, query):
            found += 1
            read.too_many = found > self._max_answers
            if read.kept.status == OUT_OF_RESOURCES:
                if read.too_many:
                    return
                continue
            try:
                writer.answer(query.root, values)
            except RefusedObject as error:
                read.unencodable = f"step {step.id}: {error}"
                return

    def _matching(self, device: Device, query: Query) -> Iterator[tuple[ScheduledStep, ElementValues]]:
        narrowing = replace(query.narrowing, name_prefix=None)  # a device may have names in another order
        hides_started = device.hides_started and query.hides_final
        for one in self._worklist.candidates(narrowing, query.hides_final, self._not_before()):
            values = _values(device, one.order, one.procedure, one.step)
            if query.matches(values) and not (hides_started and one.step.status is StepStatus.STARTED):
                yield one.step, values

    def _attempts(self, ae_title: str) -> list[Attempt]:
        return [
            Attempt(row["last_seen_at"], row["address"], row["called_ae_title"], row["reason"])
            for row in self._unknown_devices.all()
            if row["ae_title"] == ae_title
        ]

    def _served(self, order: Order, ae_title: str) -> list[Served]:
        found = self._observations.served([order.id]).get(order.id, [])
        return [one for one in found if one.ae_title == ae_title]

    def _not_before(self) -> str:
        if not self._hide_after_days:
            return ""
        return f"{local_now(self._clock(), self._zone) - timedelta(days=self._hide_after_days):%Y%m%d}"

    def _when(self, instant: int) -> str:
        return f"{local_now(instant, self._zone):%Y-%m-%d %H:%M:%S}"


def _refusal(devices: Devices, ae_title: str, address: str) -> str:
    """Return why a device may not associate; without an address only whether it is known counts."""
    refusal = devices.refusal(ae_title, address)
    return refusal if address or refusal == UNKNOWN else ""


def _alike(devices: Devices, ae_title: str, step: ScheduledStep) -> str:
    """Return a device of the step's stations or modality whose AE title differs in capitals only; "" without one."""
    named = [station for station in step.station_ae_titles if devices.refusal(station, "") != UNKNOWN]
    found = [*named, *devices.stations_of(step.modality)]
    return next((one for one in found if one != ae_title and one.casefold() == ae_title.casefold()), "")


def _values(device: Device, order: Order, procedure: RequestedProcedure, step: ScheduledStep) -> ElementValues:
    return ElementValues(Item(as_named(order, device.animal_names), procedure, step))
