"""Modality Worklist: C-FIND (PS3.4 K). core.matching decides; this reads the query and answers in its terms."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import lru_cache
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from pydicom import Dataset

from dicom_gateway.core.attributes import build_item, wanted
from dicom_gateway.core.devices import Device
from dicom_gateway.core.local_time import local_now
from dicom_gateway.core.matching import Query, compile_query
from dicom_gateway.core.ports import Clock
from dicom_gateway.dicom.answers import PendingResponses
from dicom_gateway.dicom.element_cache import CachedItem, ElementCache
from dicom_gateway.dicom.elements import encoded_answer
from dicom_gateway.dicom.identifier import read_data_set
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
from dicom_gateway.storage.observations import Observe, WorklistAsked, unobserved
from dicom_gateway.storage.worklist import StepVersion, Worklist

log = structlog.get_logger()

KEPT_QUERIES = 256
KEPT_QUERY_BYTES = 8192  # a longer identifier is compiled each time

Answer = tuple[Dataset | int, Dataset | None]


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
        self._cache = ElementCache()
        self._kept_query = lru_cache(KEPT_QUERIES)(read_query)  # devices ask the same all day

    def handle_find(self, event: Any) -> Iterator[Answer]:
        """Send one answer a matching scheduled step, and yield how it ended, or why there is none."""
        peer = peer_of(event.assoc)
        served: list[StepVersion] = []
        try:
            ended = self._answered(event, peer, served)
        except Exception as error:
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
        read = self._kept_query if len(identifier) <= KEPT_QUERY_BYTES else read_query
        query = read(identifier, event.context.transfer_syntax)
        found = self._matching(query)
        if len(found) > self._max_answers:
            return status(OUT_OF_RESOURCES, f"more than {self._max_answers} matches; narrow the query")
        responses = PendingResponses(event)
        pending = PENDING_WARNING if query.unsupported else PENDING
        explicit = not event.context.transfer_syntax.is_implicit_VR
        for item in found:
            if event.is_cancelled or not event.assoc.is_established:
                return CANCEL
            responses.send(pending, encoded_answer(query.root, item.values, explicit))
            served.append(item.scheduled.version)
        self._count(peer.ae_title, len(found))
        tolerated = {"tolerated": query.remarks} if query.remarks else {}
        log.info("worklist served", reference=peer.reference, ae_title=peer.ae_title, answers=len(found), **tolerated)
        return SUCCESS

    def find(self, query: Query, identifier: Dataset) -> list[Dataset]:
        """Return the items that match, with what the identifier names; at most one more than may be answered."""
        only = wanted(identifier)
        found = (item.scheduled for item in self._matching(query))
        return [build_item(item.order, item.procedure, item.step, only) for item in found]

    def _matching(self, query: Query) -> list[CachedItem]:
        """Return the items that match, at most one more than may be answered."""
        found = []
        asks_nothing = query.root.is_universal  # then the orders need not even be read to say that they are too many
        for item in self._worklist.candidates(query.narrowing, query.hides_final, self._not_before(), self._cache):
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


def read_query(identifier: bytes, transfer_syntax_uid: str) -> Query:
    """Return the compiled query of an encoded identifier; raises RefusedObject (0xC000) when it cannot be parsed."""
    return compile_query(read_data_set(BytesIO(identifier), transfer_syntax_uid))


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
