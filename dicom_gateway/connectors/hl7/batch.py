"""Several messages at once: batches (FHS, BHS ... BTS, FTS; HL7 v2.5.1 2.10.3) and files that hold one after the other.

Bytes are cut before anything is decoded: each message has a character set of its own. The answer to a batch is a batch.
"""

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

_HEADER = re.compile(rb"(?<![^\r\n\x0b\x1c])(MSH|FHS|BHS|BTS|FTS)(?=[^A-Za-z0-9\s])")
_MARK = codecs.BOM_UTF8
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ENVELOPE = {b"FHS": b"FTS", b"BHS": b"BTS"}  # header -> trailer
_CONTROL_ID = 11  # BHS-11 and FHS-11; -12 refers to that of the batch which is answered


@dataclass(frozen=True, slots=True)
class Batch:
    """The messages of a batch, and the header segments around them, as sent: FHS, BHS or none."""

    messages: tuple[bytes, ...]
    headers: tuple[bytes, ...] = ()


def split(raw: bytes) -> Batch:
    """Return the messages in `raw`; what is no batch is one message, whatever it is."""
    if raw.startswith(_UTF_16):
        return Batch((raw,))
    mark, body = (_MARK, raw[len(_MARK) :]) if raw.startswith(_MARK) else (b"", raw)
    found = list(_HEADER.finditer(body))
    starts = [match.start() for match in found]
    messages, headers = [], []
    for match, end in zip(found, [*starts[1:], len(body)], strict=False):
        piece = body[match.start() : end].rstrip(b"\r\n\x0b\x1c")
        if match[1] == b"MSH":
            messages.append(mark + piece + b"\r")
        elif match[1] in _ENVELOPE:
            headers.append(piece)
    if len(messages) + len(headers) < 2:
        return Batch((raw,)) if not headers else Batch((), tuple(headers))
    return Batch(tuple(messages), tuple(headers))


def joined(answers: Sequence[bytes], batch: Batch, control_id: str, now: datetime) -> bytes:
    """Return the answers to the messages of a batch as one; in a batch again when there was one."""
    body = b"".join(answer if answer.endswith(b"\r") else answer + b"\r" for answer in answers)
    count = len(answers)
    for header in reversed(batch.headers):
        name = header[:3]
        body = _answer_header(header, control_id, now) + body + _ENVELOPE[name] + header[3:4] + b"%d\r" % count
        count = 1  # a file counts its batches
    return body


def _answer_header(header: bytes, control_id: str, now: datetime) -> bytes:
    separator = header[3:4]
    fields = header.split(separator)
    fields += [b""] * (_CONTROL_ID - len(fields))
    sent_id = fields[_CONTROL_ID - 1]
    application, facility, receiving_application, receiving_facility = fields[2:6]
    time = now.strftime("%Y%m%d%H%M%S%z").encode()
    there = [receiving_application, receiving_facility, application, facility, time, b"", b"", b""]
    return separator.join([*fields[:2], *there, control_id.encode(), sent_id]) + b"\r"
