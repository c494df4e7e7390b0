"""Modality Worklist: C-FIND (PS3.4 K). core.matching decides; this reads the query and answers as the device's profile
has it: in a character set that it reads, names of animals in its order, started steps hidden from it or not."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from io import BytesIO
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import structlog
from pydicom import Dataset

from dicom_gateway.core.attributes import build_item, wanted
from dicom_gateway.core.character_set_choice import choice_of
from dicom_gateway.core.devices import AnimalNames, Device, Unencodable
from dicom_gateway.core.local_time import local_now
from dicom_gateway.core.matching import Query, compile_query
from dicom_gateway.core.ports import Clock
from dicom_gateway.core.status import StepStatus
from dicom_gateway.dicom.answers import PendingResponses
from dicom_gateway.dicom.element_cache import CachedItem, ElementCache
from dicom_gateway.dicom.elements import AnswerWriter
from dicom_gateway.dicom.identifier import read_request
from dicom_gateway.dicom.peer import Peer, peer_of
from dicom_gateway.dicom.status import (
    CANCEL,
    OUT_OF_RESOURCES,
    PENDING,
    PENDING_WARNING,
    SOP_CLASS_NOT_SUPPORTED,
    SUCCESS,
    of_store_or_find,
    status,
)
from dicom_gateway.errors import RefusedObject
from dicom_gateway.storage.observations import Observe, WorklistAsked, unobserved
from dicom_gateway.storage.worklist import StepVersion, Worklist

log = structlog.get_logger()

KEPT_QUERIES = 256
KEPT_QUERY_BYTES = 8192  # a longer identifier is compiled each time

Answer = tuple[Dataset | int, Dataset | None]


class Asked(NamedTuple):
    """A query as it was read: its compiled keys, the character set that it names, what was tolerated."""

    query: Query
    character_set: tuple[str, ...]
    remarks: tuple[str, ...]


class WorklistService:
    """Answers worklist queries. More than `max_answers` matches are refused as a whole."""

    def __init__(
        self, worklist: Worklist, clock: Clock, zone: ZoneInfo, max_answers: int, hide_after_days: int,
        count: Callable[[str, int], None] = lambda ae_title, answers: None,
        profile: Callable[[str], Device] = Device, observe: Observe = unobserved,
    ) -> None:  # fmt: skip
        self._worklist = worklist
        self._clock = clock
        self._zone = zone
        self._max_answers = max_answers
        self._hide_after_days = hide_after_days
        self._count = count
        self._profile = profile
        self._observe = observe
        self._caches = {names: ElementCache(animal_names=names) for names in AnimalNames}
        self._kept_query = lru_cache(KEPT_QUERIES)(read_asked)  # devices ask the same all day

    def handle_find(self, event: Any) -> Iterator[Answer]:
        """Send one answer a matching scheduled step, and yield how it ended, or why there is none."""
        peer = peer_of(event.assoc)
        served: list[StepVersion] = []
        try:
            ended = self._answered(event, peer, served)
        except Exception as error:
            if isinstance(error, RefusedObject):
                log.warning("worklist refused", reference=peer.reference, ae_title=peer.ae_title, reason=str(error))
            ended = of_store_or_find(error, peer.reference)
        self._observe(
            WorklistAsked(
                peer.ae_title,
                peer.address,
                self._clock(),
                event.request.Identifier.getvalue(),
                event.context.transfer_syntax,
                ended if isinstance(ended, int) else ended.Status,
                tuple(served),
            )
        )
        yield ended, None

    def _answered(self, event: Any, peer: Peer, served: list[StepVersion]) -> Dataset | int:
        """Send one response an item, adding it to `served`; return how it ended."""
        if event.request.AffectedSOPClassUID != event.context.abstract_syntax:
            return status(SOP_CLASS_NOT_SUPPORTED, "SOP class is not that of the presentation context")
        identifier = event.request.Identifier.getvalue()
        read = self._kept_query if len(identifier) <= KEPT_QUERY_BYTES else read_asked
        asked = read(identifier, event.context.transfer_syntax)
        query, profile = asked.query, self._profile(peer.ae_title)
        found = self._matching(query, profile)
        if len(found) > self._max_answers:
            return status(OUT_OF_RESOURCES, f"more than {self._max_answers} matches; narrow the query")
        refuses = profile.unencodable is Unencodable.REFUSE
        choice = choice_of(profile.character_sets, asked.character_set)
        writer = AnswerWriter(not event.context.transfer_syntax.is_implicit_VR, choice, refuses)
        answers: Iterable[bytes] = (writer.answer(query.root, item.values) for item in found)
        if refuses:
            answers = list(answers)  # before the first is sent
        responses = PendingResponses(event)
        pending = PENDING_WARNING if query.unsupported else PENDING
        for item, answer in zip(found, answers, strict=True):
            if event.is_cancelled or not event.assoc.is_established:
                return CANCEL
            responses.send(pending, answer)
            served.append(item.scheduled.version)
        self._count(peer.ae_title, len(found))
        self._log_served(peer, len(found), asked, writer.transliterated)
        return SUCCESS

    @staticmethod
    def _log_served(peer: Peer, answers: int, asked: Asked, transliterated: set[str]) -> None:
        more: dict[str, object] = {"tolerated": asked.remarks} if asked.remarks else {}
        tell = log.info
        if transliterated:
            tell, more["transliterated"] = log.warning, sorted(transliterated)
        tell("worklist served", reference=peer.reference, ae_title=peer.ae_title, answers=answers, **more)

    def find(self, query: Query, identifier: Dataset, ae_title: str = "") -> list[Dataset]:
        """Return the items that match, with what the identifier names, as the profile of a device has them; at most one
        more than may be answered."""
        only = wanted(identifier)
        return [build_item(*found.item, only) for found in self._matching(query, self._profile(ae_title))]

    def _matching(self, query: Query, profile: Device) -> list[CachedItem]:
        """Return the items that match, at most one more than may be answered."""
        found = []
        asks_nothing = query.root.is_universal  # then the orders need not even be read to say that they are too many
        hides_started = profile.hides_started and query.hides_final  # not from who asks for a status
        narrowing = query.narrowing
        if profile.animal_names is not AnimalNames.OWNER_FIRST:  # the index of names has them as orders do
            narrowing = replace(narrowing, name_prefix=None)
        cache = self._caches[profile.animal_names]
        for item in self._worklist.candidates(narrowing, query.hides_final, self._not_before(), cache):
            if hides_started and item.scheduled.step.status is StepStatus.STARTED:
                continue
            if asks_nothing or query.matches(item.values):
                found.append(item)
                if len(found) > self._max_answers:
                    break
        return found

    def _not_before(self) -> str:
        if not self._hide_after_days:
            return ""
        today = local_now(self._clock(), self._zone)
        return (today - timedelta(days=self._hide_after_days)).strftime("%Y%m%d")


def read_asked(identifier: bytes, transfer_syntax_uid: str) -> Asked:
    """Return what an encoded identifier asks; raises RefusedObject (0xC000) when it cannot be parsed."""
    request = read_request(BytesIO(identifier), transfer_syntax_uid)
    query = compile_query(request.data_set)
    return Asked(query, request.character_set, (*request.remarks, *query.remarks))


def with_character_set(answer: Dataset) -> Dataset:
    """Return a data set with the smallest character set that carries its text: none, ISO_IR 100 or ISO_IR 192."""
    text = "".join(_texts(answer))
    if not text.isascii():
        try:
            text.encode("latin-1")
            answer.SpecificCharacterSet = "ISO_IR 100"
        except UnicodeEncodeError:
            answer.SpecificCharacterSet = "ISO_IR 192"
    return answer


def _texts(answer: Dataset) -> Iterator[str]:
    for element in answer.iterall():
        if element.VR != "SQ" and element.value is not None:
            yield str(element.value) if element.VM < 2 else "".join(map(str, element.value))
