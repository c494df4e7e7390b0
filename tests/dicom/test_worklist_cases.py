"""The cases of conformance/worklist over a socket of this process: bytes in, SQL, matching, encoded answers out."""

from collections.abc import Iterator

import pytest

from conformance.worklist_cases import Case, Keys, cases, compare, load, read
from dicom_gateway.core.devices import Device
from dicom_gateway.core.order_document import parse_order
from dicom_gateway.dicom.contexts import WORKLIST_FIND
from tests.core.matching_data import as_texts, wire
from tests.dicom.running import LOOPBACK, TESTER, ZONE, Running, Settings
from tests.dicom.wire import C_FIND, IMPLICIT, Association, decode

PENDING = (0xFF00, 0xFF01)
DEVICES = tuple(Device(name, modalities=("XA",), allowed_from=LOOPBACK) for name in ("ARC1", "ARC2"))


@pytest.fixture(scope="module")
def device(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Association]:
    """An association with a gateway that has the orders of the cases."""
    gateway = Running(tmp_path_factory.mktemp("cases"), Settings(devices=DEVICES))
    for document in load("orders"):
        gateway.orders.save(parse_order(document, ZONE), TESTER)
    with gateway.associate((WORKLIST_FIND, (IMPLICIT,)), calling="ARC1") as association:
        yield association
    gateway.stop()


def ask(device: Association, case: Case) -> list[tuple[str, Keys]]:
    """Return the answers to a query: status and attributes."""
    query = wire(as_texts(case.keys), case.encoding, case.character_set)
    device.send(1, {"CommandField": C_FIND, "AffectedSOPClassUID": WORKLIST_FIND, "Priority": 0}, query)
    answers = []
    while (message := device.receive()).status in PENDING:
        answers.append((f"{message.status:04X}", read(decode(message.data, IMPLICIT))))
    assert message.status == 0, message.command
    return answers


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_case_over_the_network(device: Association, case: Case) -> None:
    compare(ask(device, case), case.expected)
