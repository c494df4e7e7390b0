"""Sending files as they are: C-STORE (PS3.4 B).

Each kind of file (SOP class and transfer syntax) gets a presentation context of its own, so that the peer says of each
whether it takes it; an association has at most 128 of them (PS3.8 9.3.2.2), so many kinds need several associations.
Nothing is decoded or transcoded, and one file at a time is in memory.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from pydicom.uid import UID
from pynetdicom import _config
from pynetdicom.association import Association
from pynetdicom.presentation import build_context
from pynetdicom.status import STORAGE_SERVICE_CLASS_STATUS

from dicom_gateway.dicom.scu import Answer, Call, PeerFailed, any_answer, association
from dicom_gateway.dicom.scu_files import ObjectFile
from dicom_gateway.dicom.status import SUCCESS

MOST_CONTEXTS = 128
SLOWEST_BYTES_PER_SECOND = 100_000  # pynetdicom counts the time of the answer from before the file is on the wire


class Sent(StrEnum):
    """What became of a file."""

    STORED = "stored"
    WARNING = "stored with a warning"
    FAILED = "refused"
    NOT_SENT = "not sent"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one file, in words, and the peer's status where there is one."""

    file: ObjectFile
    sent: Sent
    words: str
    status: int | None = None


def send_files(call: Call, files: Sequence[ObjectFile]) -> Iterator[Result]:
    """Send files, and yield what became of each. After a lost association the next file gets a new one; each file is
    tried once. Raises NoAssociation when none can be had."""
    _config.STORE_SEND_CHUNKED_DATASET = True  # the bytes of the file, not what pydicom makes of them
    kinds = {kind: number for number, kind in enumerate(dict.fromkeys(map(_kind, files)))}
    in_groups = sorted(files, key=lambda file: kinds[_kind(file)] // MOST_CONTEXTS)
    for _, group in groupby(in_groups, key=lambda file: kinds[_kind(file)] // MOST_CONTEXTS):
        yield from _send_group(call, list(group))


def _kind(file: ObjectFile) -> tuple[str, str]:
    return file.sop_class_uid, file.transfer_syntax_uid


def _send_group(call: Call, files: Sequence[ObjectFile]) -> Iterator[Result]:
    contexts = [build_context(*kind) for kind in dict.fromkeys(map(_kind, files))]
    left = list(reversed(files))
    while left:
        with ExitStack() as stack:
            try:
                opened = stack.enter_context(association(call, contexts))
            except PeerFailed:  # it took the association, and none of these kinds
                yield from (Result(file, Sent.NOT_SENT, _not_accepted(file)) for file in reversed(left))
                return
            accepted = {(str(c.abstract_syntax), str(c.transfer_syntax[0])) for c in opened.accepted_contexts}
            while left and opened.is_established:
                file = left.pop()
                if _kind(file) not in accepted:
                    yield Result(file, Sent.NOT_SENT, _not_accepted(file))
                    continue
                result = _send(call, opened, file)
                yield result
                if result.sent is Sent.FAILED and result.status is None:
                    opened.abort()  # without an answer it is lost, whether that is known here yet or not


def _not_accepted(file: ObjectFile) -> str:
    syntax, kind = UID(file.transfer_syntax_uid).name, UID(file.sop_class_uid).name
    return f"the peer does not take {kind} in {syntax}"


def _send(call: Call, opened: Association, file: ObjectFile) -> Result:
    opened.dimse_timeout = call.seconds + file.length / SLOWEST_BYTES_PER_SECOND
    try:
        status = opened.send_c_store(file.path)
        answer = any_answer(call, f"C-STORE {file.path.name}", status, STORAGE_SERVICE_CLASS_STATUS)
    except PeerFailed as error:
        return Result(file, Sent.FAILED, str(error))
    except (OSError, ValueError, AttributeError, RuntimeError) as error:  # the file changed, or the association went
        return Result(file, Sent.NOT_SENT, str(error))
    return Result(file, _sent(answer), answer.words, answer.code)


def _sent(answer: Answer) -> Sent:
    if answer.code == SUCCESS:
        return Sent.STORED
    return Sent.WARNING if answer.ok else Sent.FAILED
