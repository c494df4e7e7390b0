"""Pending C-FIND responses as bytes: the command set is made once a status, the answers come encoded.

PS3.7 9.3.2.2 and 6.3.1 (the response's command set). The bytes are those that pynetdicom sends; it builds and encodes
two data sets for each answer. The association lets them go out a page at a time.
"""

from functools import cache, partial
from typing import Any

from dicom_gateway.upperlayer.commands import find_response


class PendingResponses:
    """Queues the pending responses to one C-FIND request."""

    def __init__(self, event: Any) -> None:
        request = event.request
        self._association = event.assoc
        self._context_id: int = event.context.context_id
        self._command_set = cache(partial(find_response, str(request.AffectedSOPClassUID), request.MessageID))

    def send(self, status: int, answer: bytes) -> None:
        """Send one encoded answer, with others or by itself."""
        self._association.queue_message(self._context_id, self._command_set(status), answer)
