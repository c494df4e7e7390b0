"""What performed steps, images and a PMS make of an order: every row of the state table, over the wire.

core/status.py holds the table; here each row is brought about by a real N-CREATE, N-SET or C-STORE of dcmjs-dimse and
by the API, and read from the API and from the events that a PMS receives.
"""

from conformance import order_rows_devices, order_rows_pms
from conformance.bench import Bench
from conformance.mpps_device import Device
from conformance.order_rows import ROWS
from conformance.peers import Dcmjs
from conformance.results import Outcome, Result

GROUP = "orders and performed steps"
ROW_MODULES = (order_rows_pms, order_rows_devices)  # importing them fills ROWS
NO_ARRIVAL = "no interface of this version reports that a patient has arrived, is ready or has left"
UNREACHABLE = {
    "SCHEDULED, patient checked in: ARRIVED": NO_ARRIVAL,
    "ARRIVED, PMS says ready: READY": NO_ARRIVAL,
    "ARRIVED or READY, order changed: same": NO_ARRIVAL,
    "ARRIVED or READY, order cancelled: CANCELED": NO_ARRIVAL,
    "ARRIVED or READY, N-CREATE: STARTED": NO_ARRIVAL,
    "STARTED, PMS says departed: DEPARTED": NO_ARRIVAL,
    "DEPARTED, cancelled: stays": NO_ARRIVAL,
    "SCHEDULED, discontinued by the PMS: DISCONTINUED": "a PMS can cancel what has not begun, and no more",
}


def run(bench: Bench) -> None:
    """Run every row."""
    if bench.dcmjs is None:
        return
    for name, row in ROWS.items():
        with bench.results.case(Dcmjs.name, bench.dcmjs.version, GROUP, name):
            row(Device(bench, bench.dcmjs))
    for name, why in UNREACHABLE.items():
        bench.results.add(Result(Dcmjs.name, bench.dcmjs.version, GROUP, name, Outcome.UNREACHABLE, why))
