"""MLLP frames, without a socket: <VT> message <FS><CR> (HL7 Minimal Lower Layer Protocol, release 1).

What stands between frames is skipped and counted. Senders leave the <CR> out, and put a <VT> into their text (the line
break of word processors): only one before a header begins a message anew, as a sender does that gave up in the middle.
"""

import re

START, END, RETURN = b"\x0b", b"\x1c", b"\r"
HEAD_BYTES = 4096  # of a message that is too large, kept to answer it
_BEGUN_ANEW = re.compile(rb"\x0b(?=(?:\xef\xbb\xbf)?(?:MSH|FHS|BHS)[^A-Za-z0-9\s])")


class TooLarge(Exception):
    """A frame is larger than allowed; `head` is its beginning. The reader is of no more use."""

    def __init__(self, head: bytes) -> None:
        super().__init__("the frame is too large")
        self.head = head


def framed(message: bytes) -> bytes:
    """Return a message as it is sent."""
    return START + message + END + RETURN


class FrameReader:
    """Takes bytes as they come and gives whole messages. `most`: the largest message, bytes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting = bytearray()  # not looked at yet, or the begin of a frame from its <VT> on
        self._searched = 0  # so far there is no <FS> in it
        self._may_return = False
        self.skipped = 0  # bytes that belonged to no frame, or to one that was begun anew

    @property
    def is_inside(self) -> bool:
        """Whether a frame has begun and not ended."""
        return bool(self._waiting)

    @property
    def size(self) -> int:
        """How many bytes are kept."""
        return len(self._waiting)

    @property
    def head(self) -> bytes:
        """The beginning of the frame that has not ended."""
        return bytes(self._waiting[1:HEAD_BYTES])

    def feed(self, data: bytes | memoryview) -> None:
        """Take bytes; `next` says what they make."""
        self._waiting += data

    def next(self) -> bytes | None:
        """Return the next message; None when more bytes are needed. Raises TooLarge."""
        self._skip()
        end = self._waiting.find(END, self._searched)
        if (end if end >= 0 else len(self._waiting)) - 1 > self._most:
            raise TooLarge(self.head)
        if end < 0:
            self._searched = len(self._waiting)
            return None
        message = bytes(self._waiting[1:end])
        del self._waiting[: end + 1]
        self._searched, self._may_return = 0, True
        anew = max((found.end() for found in _BEGUN_ANEW.finditer(message)), default=0)
        self.skipped += anew
        return message[anew:]

    def _skip(self) -> None:
        """Drop what stands before the next <VT>."""
        if self._waiting[:1] == START:
            return
        if self._may_return and self._waiting:
            if self._waiting[:1] == RETURN:
                del self._waiting[:1]
            self._may_return = False
        start = self._waiting.find(START)
        count = start if start >= 0 else len(self._waiting)
        self.skipped += count
        del self._waiting[:count]
        self._searched = 0
