"""What senders may take of the HL7 port; bytes and seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What senders may take of the port."""

    connections: int = 128
    connections_per_address: int = 32
    message_bytes: int = 16 << 20
    idle_seconds: float = 86_400
    message_seconds: float = 60  # from the first byte of a message to its last
    handshake_seconds: float = 15
    send_seconds: float = 30
