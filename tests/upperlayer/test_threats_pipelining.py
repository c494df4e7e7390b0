"""One message at a time: what a peer sends meanwhile waits, but for a C-CANCEL or an A-ABORT between answers."""

import gc
import threading
from contextlib import suppress

import pytest
from pynetdicom.dimse_primitives import C_ECHO

from tests.dicom import wire
from tests.dicom.objects import image, keys
from tests.dicom.running import Running, wait_for
from tests.upperlayer.attack import (
    COMMAND_END,
    DATA,
    DATA_END,
    ECHO,
    FIND,
    STORE,
    Hostile,
    cut_off,
    echo_command,
    find_command,
    hostile,
    p_data,
    pdu,
    pdv,
    store_command,
    unasked_response,
)
from tests.upperlayer.conftest import fill_worklist
from tests.upperlayer.leaks import resident_bytes, threads

A_COMMAND = p_data(pdv(ECHO, COMMAND_END, echo_command()))
A_FIND = p_data(pdv(FIND, COMMAND_END, find_command()))


def test_250_pipelined_messages_are_answered_one_by_one(gateway: Running) -> None:
    with hostile(gateway.port) as association:
        for first in (1, 251):
            association.sendall(
                b"".join(p_data(pdv(ECHO, COMMAND_END, echo_command(MessageID=first + n))) for n in range(250))
            )
            answered = [association.receive().command["MessageIDBeingRespondedTo"] for _ in range(250)]
            assert answered == list(range(first, first + 250))


def test_250_pipelined_objects_are_kept_one_by_one(gateway: Running) -> None:
    """70 MB wait in the peer's buffers, not in our memory."""
    made = image(Rows=370, Columns=370, PixelData=bytes(2 * 370 * 370))
    data = wire.encode(made)
    one = p_data(pdv(STORE, COMMAND_END, store_command(made.SOPInstanceUID)))
    one += p_data(pdv(STORE, DATA, data[:100_000])) + p_data(pdv(STORE, DATA, data[100_000:200_000]))
    one += p_data(pdv(STORE, DATA_END, data[200_000:]))
    spooled, before = [], resident_bytes()
    with hostile(gateway.port) as association:

        def send() -> None:
            for _ in range(250):
                association.socket.sendall(one)

        sender = threading.Thread(target=send)
        sender.start()
        for _ in range(250):
            assert association.receive().status == 0x0000
            spooled.append(len(gateway.files("spool")))
        sender.join(10)
        assert threads() == 1
    assert max(spooled) <= 1
    assert resident_bytes() - before < 40 << 20
    assert len(gateway.instances(made)) == 1


def test_responses_nobody_asked_for_are_not_kept(gateway: Running) -> None:
    with cut_off(hostile(gateway.port)) as association:
        assert isinstance(association, Hostile)
        with suppress(ConnectionError):
            for _ in range(20):
                association.sendall(p_data(pdv(ECHO, COMMAND_END, unasked_response(3000))) * 10)
            association.echo()
        assert sum(isinstance(one, C_ECHO) for one in gc.get_objects()) < 50


# C-CANCEL and A-ABORT between pages of answers.


@pytest.fixture(scope="module")
def answers(shared: Running) -> int:
    """Orders whose answers are several pages, by the accession numbers that no other test asks for."""
    return fill_worklist(shared, 4)


def ask_for_all() -> bytes:
    """Return a query that finds the long worklist."""
    return A_FIND + p_data(pdv(FIND, DATA_END, wire.encode(keys(PatientName="N" * 60))))


def cancel(message_id: int) -> bytes:
    """Return a C-CANCEL."""
    return p_data(
        pdv(
            FIND,
            COMMAND_END,
            wire.encode_command(
                {
                    "CommandField": wire.C_CANCEL,
                    "MessageIDBeingRespondedTo": message_id,
                    "CommandDataSetType": wire.NO_DATA_SET,
                }
            ),
        )
    )


@pytest.mark.parametrize(
    ("behind", "last"),
    [
        pytest.param(cancel(1), 0xFE00, id="cancel"),
        pytest.param(cancel(1) + cancel(77), 0xFE00, id="cancel, and one of another message"),
        pytest.param(cancel(77) + cancel(1), 0xFE00, id="one of another message, then cancel"),
        pytest.param(cancel(77), 0x0000, id="of another message"),
        pytest.param(A_COMMAND, 0x0000, id="another request"),
    ],
)
def test_a_cancel_is_seen_between_pages(gateway: Running, answers: int, behind: bytes, last: int) -> None:
    with hostile(gateway.port) as association:
        association.sendall(ask_for_all() + behind)
        statuses = [association.receive().status]
        while statuses[-1] == 0xFF00:
            statuses.append(association.receive().status)
        assert statuses[-1] == last
        assert (len(statuses) - 1 < answers) == (last == 0xFE00)
        if behind == A_COMMAND:
            assert association.receive().command["CommandField"] == 0x8030
        assert association.echo() == 0x0000


@pytest.mark.parametrize("how", ["abort", "close"])
def test_an_abort_between_pages_ends_the_answers(gateway: Running, answers: int, how: str) -> None:
    before = gateway.counted["aborted"]
    with cut_off(hostile(gateway.port)) as association:
        association.socket.sendall(ask_for_all() + (pdu(7, bytes(4)) if how == "abort" else b""))
        assert association.receive().status == 0xFF00
    wait_for(lambda: gateway.counted["aborted"] == before + 1, "it is aborted")
