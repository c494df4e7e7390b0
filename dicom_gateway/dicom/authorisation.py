"""Which services a device may use: refused in their presentation contexts, and with 0x0124 when asked for all the same.

PS3.8 9.3.3.2 (result 1, user rejection), PS3.7 annex C (0x0124, not authorised). The second guard is for a profile
that changes while an association is open. Verification is open to every device that may associate.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import structlog
from pydicom import Dataset
from pynetdicom.presentation import PresentationContext

from dicom_gateway.core.devices import Device, Service
from dicom_gateway.dicom.contexts import MPPS, MPPS_RETRIEVE, VERIFICATION, WORKLIST_FIND
from dicom_gateway.dicom.peer import peer_of
from dicom_gateway.dicom.status import NOT_AUTHORISED, status
from dicom_gateway.upperlayer.commands import Command
from dicom_gateway.upperlayer.limits import Limits
from dicom_gateway.upperlayer.message import ObjectReceiver, ReceiveObject
from dicom_gateway.upperlayer.terms import Terms

log = structlog.get_logger()

SERVICE_OF = {WORKLIST_FIND: Service.WORKLIST, MPPS: Service.MPPS, MPPS_RETRIEVE: Service.MPPS}  # all else is storage

Answer = tuple[Dataset | int, Dataset | None]


def terms_of(device: Device, limits: Limits, abstract_syntaxes: Sequence[str]) -> Terms:
    """Return what an association of a device gets of all that is supported."""
    refused = frozenset(
        uid
        for uid in abstract_syntaxes
        if uid != VERIFICATION and SERVICE_OF.get(uid, Service.STORAGE) not in device.services
    )
    if device.object_mb is not None:
        limits = replace(limits, object_bytes=device.object_mb << 20, object_bytes_of={})
    return Terms(limits, refused, device.stock_association)


class SecondGuard:
    """Refuses operations that a device may not use just now; `profile` gives the device of an AE title."""

    def __init__(self, profile: Callable[[str], Device]) -> None:
        self._profile = profile

    def _refusal(self, association: Any, service: Service) -> Dataset | None:
        peer = peer_of(association)
        if service in self._profile(peer.ae_title).services:
            return None
        log.warning("service refused", reference=peer.reference, ae_title=peer.ae_title, service=service.value)
        return status(NOT_AUTHORISED, f"{service} is not allowed to {peer.ae_title}")

    def find(self, handle: Callable[[Any], Iterator[Answer]]) -> Callable[[Any], Iterator[Answer]]:
        """Guard a handler of C-FIND."""

        def guarded(event: Any) -> Iterator[Answer]:
            refusal = self._refusal(event.assoc, Service.WORKLIST)
            if refusal is not None:
                yield refusal, None
            else:
                yield from handle(event)

        return guarded

    def report(self, handle: Callable[[Any], Answer]) -> Callable[[Any], Answer]:
        """Guard a handler of N-CREATE, N-SET or N-GET."""

        def guarded(event: Any) -> Answer:
            refusal = self._refusal(event.assoc, Service.MPPS)
            return handle(event) if refusal is None else (refusal, None)

        return guarded

    def store(self, handle: Callable[[Any], Dataset | int]) -> Callable[[Any], Dataset | int]:
        """Guard a handler of C-STORE."""

        def guarded(event: Any) -> Dataset | int:
            refusal = self._refusal(event.assoc, Service.STORAGE)
            return handle(event) if refusal is None else refusal

        return guarded

    def receive(self, begin: ReceiveObject) -> ReceiveObject:
        """Guard what receives the objects of C-STOREs as they come."""

        def guarded(association: Any, context: PresentationContext, request: Command) -> ObjectReceiver:
            refusal = self._refusal(association, Service.STORAGE)
            return begin(association, context, request) if refusal is None else _Refused(refusal)

        return guarded


class _Refused:
    """An object of which nothing is kept."""

    def __init__(self, refusal: Dataset) -> None:
        self._refusal = refusal

    def write(self, data: memoryview) -> None:
        """Pass over the next bytes."""

    def finish(self) -> Dataset:
        """Return why it was refused."""
        return self._refusal

    def discard(self) -> None:
        """Forget it: nothing was kept."""
