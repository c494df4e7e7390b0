"""HL7 orders over MLLP: messages a second, each answered before its sender sends the next.

The whole program runs (`serve`); the senders are processes of their own, a connection each. Every message is a new
order, and its answer must be AA: what is counted is durable. `python -m benchmarks.hl7`
"""

import re
import socket
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import number, percentile, table
from benchmarks.loads import processes
from benchmarks.machine import description
from benchmarks.result import Result, from_command_line
from dicom_gateway.demo.program import Program

CONNECTIONS = (1, 4, 16)
MESSAGES, QUICK_MESSAGES = 2000, 32  # of each round, all connections together
SETTINGS = '[[hl7_source]]\nname = "benchmark"\n'
_PORT = re.compile(r"HL7 +127\.0\.0\.1:([0-9]+)")


def an_order(name: str) -> bytes:
    """Return a frame with an ORM^O01 of an animal."""
    segments = (
        f"MSH|^~\\&|BENCH|CLINIC|GW|GW|20300107080000||ORM^O01|{name}|P|2.5.1",
        f"PID|1||P{name}^^^CLINIC||Doe^Number {name}||20190501|M" + "|" * 27 + "Canine|Labrador Retriever",
        f"ORC|NW|{name}|||SC||^^^20300107101500||20300107080000",
        f"OBR|1|{name}||THX^Thorax 2 views^99LOCAL" + "|" * 20 + "DX",
    )
    return b"\x0b" + "".join(f"{segment}\r" for segment in segments).encode() + b"\x1c\r"


def send(port: int, prefix: str, count: int) -> list[float]:
    """Send so many orders over one connection; return the milliseconds of each. Raises RuntimeError for a refusal."""
    taken = []
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for n in range(count):
            frame = an_order(f"{prefix}{n}")
            before = time.perf_counter()
            connection.sendall(frame)
            answer = b""
            while not answer.endswith(b"\x1c\r"):
                data = connection.recv(65536)
                if not data:
                    raise RuntimeError("the connection was closed")
                answer += data
            taken.append(1000 * (time.perf_counter() - before))
            if b"\rMSA|AA|" not in answer:
                raise RuntimeError(answer.decode("utf-8", "replace"))
    return taken


def measure(port: int, connections: int, messages: int, name: str) -> tuple[float, Sequence[float]]:
    """Return the messages a second over so many connections, and the milliseconds of each message."""
    each = messages // connections
    with processes(connections) as pool:
        list(pool.map(time.sleep, [0.1] * connections))  # until each of them runs
        before = time.perf_counter()
        running = [pool.submit(send, port, f"{name}-{n}-", each) for n in range(connections)]
        taken = [ms for one in running for ms in one.result()]
        seconds = time.perf_counter() - before
    return len(taken) / seconds, taken


def run(quick: bool = False) -> Result:
    """Run the benchmark."""
    machine, messages = description(), QUICK_MESSAGES if quick else MESSAGES
    rows, figures = [], {}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        with Program(Path(folder) / "gateway", SETTINGS, {}) as program:
            found = _PORT.search(program.log.read_text(encoding="utf-8"))
            if found is None:
                raise RuntimeError("the gateway does not tell its HL7 port")
            port = int(found[1])
            measure(port, 1, QUICK_MESSAGES, "warm")
            for connections in CONNECTIONS:
                speed, taken = measure(port, connections, messages, f"c{connections}")
                rows.append([str(connections), number(speed), *(number(percentile(taken, p)) for p in (50, 99, 100))])
                figures[f"{connections}/messages a second"] = speed
                print(f"hl7: {connections} connections, {speed:.0f} messages/s", file=sys.stderr)
            orders = len(program.call("GET", "/orders?limit=500")["items"])
    if orders < min(500, messages):
        raise RuntimeError(f"only {orders} orders are there")
    report = (
        f"{machine}\n\n{messages} orders in each round, every one answered AA before its sender sends the next.\n\n"
        f"{table(['connections', 'messages a second', 'ms: p50', 'p99', 'most'], rows)}"
    )
    return Result(report, figures)


if __name__ == "__main__":
    from_command_line(run)
