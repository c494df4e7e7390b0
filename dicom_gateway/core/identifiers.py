"""Identifiers: what makes a UID, an AE title, an accession number acceptable, and how ours are minted.

PS3.5 9.1 (UIDs), 6.2 (AE, SH, LO). Randomness and counters come from outside. A UID with a leading zero in a
component breaks the rule and is everyday, so it is kept and flagged, never refused.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

SH_LENGTH = 16
LO_LENGTH = 64
PN_GROUP_LENGTH = 64
COUNTER_DIGITS = 10

_UID = re.compile(r"[0-9.]{1,64}")
_AE_TITLE = re.compile(r"[\x20-\x5b\x5d-\x7e]{1,16}")
_LEADING_ZERO = re.compile(r"(?:^|\.)0[0-9]")


def is_uid(text: str) -> bool:
    """Say whether `text` can be taken as a UID: 1 to 64 characters of digits and dots."""
    return _UID.fullmatch(text) is not None


def has_leading_zero(uid: str) -> bool:
    """Say whether a component of the UID begins with a needless zero (PS3.5 9.1)."""
    return _LEADING_ZERO.search(uid) is not None


def is_ae_title(text: str) -> bool:
    """Say whether `text` is an AE title: 1 to 16 characters, no backslash, no control characters, not all spaces."""
    return _AE_TITLE.fullmatch(text) is not None and bool(text.strip())


def printable(text: str, limit: int = 200) -> str:
    """Return `text` for a log or a message: control and format characters escaped, bounded in length."""
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[:limit])
    return shown if len(text) <= limit else shown + "…"


def has_control_characters(text: str) -> bool:
    """Say whether `text` holds C0 or C1 controls, which no DICOM text of an order may."""
    return any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in text)


@dataclass(frozen=True, slots=True)
class Minter:
    """Makes identifiers: `random_bits(n)` gives an n-bit integer, `count(name)` the next of a durable counter.

    `is_taken` says whether an accession number is in use: a PMS may have given one that looks like ours.
    """

    random_bits: Callable[[int], int]
    count: Callable[[str], int]
    accession_prefix: str = ""
    is_taken: Callable[[str], bool] = lambda number: False

    def uid(self) -> str:
        """Return a new UID under 2.25 (PS3.5 B.2, a random UUID)."""
        return mint_uid(self.random_bits)

    def order_id(self) -> str:
        """Return a new order id: 26 hexadecimal characters."""
        return f"{self.random_bits(104):026x}"

    def accession_number(self) -> str:
        """Return the next free accession number: the practice's prefix and a counter of 10 digits, easy to type."""
        while True:
            number = f"{self.accession_prefix}{self.count('accession_number'):0{COUNTER_DIGITS}}"
            if not self.is_taken(number):
                return number

    def procedure_id(self) -> str:
        """Return the next RequestedProcedureID."""
        return f"RP{self.count('procedure'):0{COUNTER_DIGITS}}"

    def step_id(self) -> str:
        """Return the next ScheduledProcedureStepID."""
        return f"SPS{self.count('step'):0{COUNTER_DIGITS}}"


def mint_uid(random_bits: Callable[[int], int]) -> str:
    """Return a new UID under 2.25: a version 4 UUID as one integer."""
    bits = random_bits(128)
    bits = bits & ~(0xF << 76) | (0x4 << 76)
    bits = bits & ~(0x3 << 62) | (0x2 << 62)
    return f"2.25.{bits}"
