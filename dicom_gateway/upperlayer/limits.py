"""What a peer may take of the gateway: connections, time and bytes (PS3.8 sets no bounds of its own)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

MAX_PDU_BYTES = 131072  # what DCMTK takes at most, too
PDU_SLACK_BYTES = 1024  # some devices do not count their own headers


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one listener. Bytes are bytes, deadlines seconds.

    `connections` are counted when they are accepted, `associations` once their request was read: the first are closed
    without a word, the second rejected (RJ 2/3/2). `object_bytes_of` names SOP classes whose objects may be larger or
    smaller than `object_bytes`.
    """

    connections: int = 200
    connections_per_address: int = 40
    associations: int = 100
    associations_per_device: int = 20
    handshake_seconds: float = 10
    request_seconds: float = 10
    pdu_seconds: float = 30
    idle_seconds: float = 300
    send_seconds: float = 30
    request_bytes: int = 64 << 10
    command_bytes: int = 64 << 10
    identifier_bytes: int = 4 << 20
    object_bytes: int = 4 << 30
    object_bytes_of: Mapping[str, int] = field(default_factory=dict)

    def largest_object(self, sop_class_uid: str) -> int:
        """Return how many bytes an object of a SOP class may have."""
        return self.object_bytes_of.get(sop_class_uid, self.object_bytes)


DEFAULT_LIMITS = Limits()
