"""Who sends a message, and what transports ask of whoever receives it."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Sender:
    """Where a message comes from. `origin`: an address, or the name of a file; `source`: the name of the source when
    the way by which it came says so (a folder), "" when its header does."""

    origin: str
    source: str = ""


class Receiving(Protocol):
    """Takes messages in; called from several threads, raises nothing."""

    def receive(self, raw: bytes, sender: Sender) -> tuple[bytes, ...]:
        """Return the answers to a message, or to a batch, once everything about it is durable: none, one, or two."""
        ...

    def refuse(self, head: bytes, sender: Sender, reason: str, is_temporary: bool = False) -> tuple[bytes, ...]:
        """Return what refuses a message of which only the beginning is there; `reason` is for its sender."""
        ...
