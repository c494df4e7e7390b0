"""What devices do, told to those who learn their habits: after an association was accepted, and beside each request.

PS3.7 D.3.3.2 (implementation class UID and version name), PS3.8 7.1.1.13 (proposed presentation contexts).
"""

from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from typing import Any

from pynetdicom.presentation import PresentationContext

from dicom_gateway.core.habits import Fact, Habit, QueryFacts, ServiceUsed, implementation
from dicom_gateway.core.identifiers import printable
from dicom_gateway.core.matching import compile_query
from dicom_gateway.core.ports import Clock
from dicom_gateway.core.query_habits import facts_of_query, unreadable_query
from dicom_gateway.dicom.identifier import read_request
from dicom_gateway.dicom.peer import peer_of
from dicom_gateway.storage.observations import DeviceSeen, Observe, unobserved
from dicom_gateway.upperlayer.commands import Command
from dicom_gateway.upperlayer.message import ObjectReceiver, ReceiveObject

KEPT_FACTS = 256  # devices ask the same all day
_CHARACTER_SET = b"\x08\x00\x05\x00"  # the tag (0008,0005), little endian
_USED = {service: (Habit.SERVICE, service.value) for service in ServiceUsed}


class Watch:
    """Tells `observe` what devices do; each call returns at once."""

    def __init__(self, observe: Observe, clock: Clock) -> None:
        self._observe = observe
        self._clock = clock

    def accepted(self, association: Any) -> None:
        """Tell what the request of an association says."""
        request = association.requestor.primitive
        facts: dict[Fact, None] = {_USED[ServiceUsed.ASSOCIATION]: None}
        user = association.requestor
        named = implementation(str(user.implementation_version_name or ""), str(user.implementation_class_uid or ""))
        facts[named] = None
        for context in request.presentation_context_definition_list or ():
            facts[Habit.PROPOSES, _uid(context.abstract_syntax)] = None
            facts.update(dict.fromkeys((Habit.TRANSFER_SYNTAX, _uid(uid)) for uid in context.transfer_syntax))
        self._tell(association, *facts)

    def used(self, service: ServiceUsed, handle: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return a handler that tells that the service was used."""

        def handled(event: Any) -> Any:
            self._tell(event.assoc, _USED[service])
            return handle(event)

        return handled

    def stored(self, handle: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return a handler of C-STORE that tells what is stored."""

        def handled(event: Any) -> Any:
            self._tell(event.assoc, *_stores(event.context.abstract_syntax))
            return handle(event)

        return handled

    def receive(self, begin: ReceiveObject) -> ReceiveObject:
        """Return what receives objects as they come, and tells what is stored."""

        def received(association: Any, context: PresentationContext, request: Command) -> ObjectReceiver:
            self._tell(association, *_stores(context.abstract_syntax))
            return begin(association, context, request)

        return received

    def _tell(self, association: Any, *facts: Fact) -> None:
        self._observe(DeviceSeen(peer_of(association).ae_title, self._clock(), facts))


UNWATCHED = Watch(unobserved, lambda: 0)


def _stores(sop_class_uid: Any) -> tuple[Fact, Fact]:
    return _USED[ServiceUsed.STORAGE], (Habit.STORES, _uid(sop_class_uid))


def _uid(value: Any) -> str:
    return printable(str(value or ""), 64)


@lru_cache(KEPT_FACTS)
def facts_of_identifier(identifier: bytes, transfer_syntax_uid: str) -> QueryFacts:
    """Return what a worklist query shows of its device; never raises."""
    try:
        request = read_request(BytesIO(identifier), transfer_syntax_uid)
        query = compile_query(request.data_set)
        remarks = (*request.remarks, *query.remarks)
        return facts_of_query(request.data_set, query, remarks, _CHARACTER_SET in identifier)
    except Exception:  # whatever a library makes of garbage: it is a habit, too
        return unreadable_query(identifier)
