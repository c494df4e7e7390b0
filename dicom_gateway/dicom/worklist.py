"""Modality Worklist: C-FIND (PS3.4 K). core.matching decides; this reads the query and answers in its terms."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import structlog
from pydicom import Dataset

from dicom_gateway.core.attributes import build_item, wanted
from dicom_gateway.core.local_time import local_now
from dicom_gateway.core.matching import Query, compile_query
from dicom_gateway.core.ports import Clock
from dicom_gateway.dicom.answers import PendingResponses
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
from dicom_gateway.storage.worklist import Worklist

log = structlog.get_logger()

Answer = tuple[Dataset | int, Dataset | None]


class WorklistService:
    """Answers worklist queries. More than `max_answers` matches are refused as a whole."""

    def __init__(
        self, worklist: Worklist, clock: Clock, zone: ZoneInfo, max_answers: int, hide_after_days: int,
        count: Callable[[str, int], None] = lambda ae_title, answers: None,
    ) -> None:  # fmt: skip
        self._worklist = worklist
        self._clock = clock
        self._zone = zone
        self._max_answers = max_answers
        self._hide_after_days = hide_after_days
        self._count = count

    def handle_find(self, event: Any) -> Iterator[Answer]:
        """Yield one answer a matching scheduled step, or why there is none."""
        peer = peer_of(event.assoc)
        try:
            yield from self._answers(event, peer)
        except Exception as error:
            yield of_store_or_find(error, peer.reference), None

    def _answers(self, event: Any, peer: Peer) -> Iterator[Answer]:
        if event.request.AffectedSOPClassUID != event.context.abstract_syntax:
            yield status(SOP_CLASS_NOT_SUPPORTED, "SOP class is not that of the presentation context"), None
            return
        identifier = read_data_set(event.request.Identifier, event.context.transfer_syntax)
        query = compile_query(identifier)
        found = self.find(query, identifier)
        if len(found) > self._max_answers:
            yield status(OUT_OF_RESOURCES, f"more than {self._max_answers} matches; narrow the query"), None
            return
        responses = PendingResponses(event)
        for item in found:
            if not event.assoc.is_established:
                return
            if event.is_cancelled:
                yield CANCEL, None
                return
            answer, incomplete = query.answer(item)
            responses.send(PENDING_WARNING if incomplete else PENDING, with_character_set(answer))
        self._count(peer.ae_title, len(found))
        tolerated = {"tolerated": query.remarks} if query.remarks else {}
        log.info("worklist served", reference=peer.reference, ae_title=peer.ae_title, answers=len(found), **tolerated)
        yield SUCCESS, None

    def find(self, query: Query, identifier: Dataset) -> list[Dataset]:
        """Return the items that match, with what the identifier names; at most one more than may be answered."""
        only = wanted(identifier)
        found = []
        for candidate in self._worklist.candidates(query.narrowing, query.hides_final, self._not_before()):
            item = build_item(candidate.order, candidate.procedure, candidate.step, only)
            if query.matches(item):
                found.append(item)
                if len(found) > self._max_answers:
                    break
        return found

    def _not_before(self) -> str:
        if not self._hide_after_days:
            return ""
        today = local_now(self._clock(), self._zone)
        return (today - timedelta(days=self._hide_after_days)).strftime("%Y%m%d")


def with_character_set(answer: Dataset) -> Dataset:
    """Return an answer with the smallest character set that carries its text: none, ISO_IR 100 or ISO_IR 192."""
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
