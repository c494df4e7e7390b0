"""Whether a gateway works, for /readyz, and what is read when somebody asks for its metrics."""

import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from dicom_gateway.errors import GatewayError
from dicom_gateway.gateway import Gateway, clock
from dicom_gateway.storage import heartbeat

if TYPE_CHECKING:
    from dicom_gateway.metrics import Gauge

PROBE_EVERY_SECONDS = 10.0


class Readiness:
    """Whether each component works, for /readyz. The C-ECHO and the write are done at most every ten seconds."""

    def __init__(self, gateway: Gateway, is_draining: Callable[[], bool]) -> None:
        self._gateway = gateway
        self._is_draining = is_draining
        self._echo = _Remembered(self._echoes)
        self._writes = _Remembered(self._beats)

    def components(self) -> dict[str, str]:
        """Return each component with "ok" or "failed"."""
        checks: dict[str, Callable[[], bool]] = {
            "database": self._database,
            "store": lambda: (
                (self._gateway.data_dir / "objects").is_dir() and os.access(self._gateway.data_dir, os.W_OK)
            ),
            "space": lambda: self._gateway.objects.has_space(),
            "running": lambda: not self._is_draining(),
            "dicom": self._echo.holds,
        }
        return {name: "ok" if _holds(check) else "failed" for name, check in checks.items()}

    def _database(self) -> bool:
        """Read a row each time, and write one now and then."""
        heartbeat.look(self._gateway.database)
        return self._writes.holds()

    def _beats(self) -> bool:
        heartbeat.beat(self._gateway.database, clock())
        return True

    def _echoes(self) -> bool:
        from dicom_gateway.dicom.scu import echo

        dicom = self._gateway.settings.dicom
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(dicom.host, dicom.host)  # noqa: S104
        return echo(host, dicom.port, dicom.ae_title, dicom.ae_title)


class _Remembered:
    """A check that costs something: its answer holds for a while; one thread asks, the others wait for it."""

    def __init__(self, check: Callable[[], bool]) -> None:
        self._check = check
        self._guard = threading.Lock()
        self._answer = False
        self._at = float("-inf")

    def holds(self) -> bool:
        """Return the answer, at most PROBE_EVERY_SECONDS old."""
        with self._guard:
            if time.monotonic() - self._at > PROBE_EVERY_SECONDS:
                self._answer = _holds(self._check)
                self._at = time.monotonic()
            return self._answer


def _holds(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except (GatewayError, OSError):
        return False


def gauges(gateway: Gateway) -> "tuple[Gauge, ...]":
    """Return what is read when somebody asks for metrics."""
    from dicom_gateway.metrics import Gauge

    return (
        Gauge(
            "dicom_gateway_orders",
            "Orders by status.",
            ("status",),
            lambda: {(status,): float(n) for status, n in gateway.orders.by_status().items()},
        ),
        Gauge(
            "dicom_gateway_outbox",
            "Deliveries by target and status.",
            ("target", "status"),
            lambda: {labels: float(n) for labels, n in gateway.outbox.depth().items()},
        ),
        Gauge("dicom_gateway_alarms", "Alarms that stand.", (), lambda: {(): float(len(gateway.audit.alarms()))}),
        Gauge(
            "dicom_gateway_free_bytes",
            "Free space where objects are kept.",
            (),
            lambda: {(): float(gateway.objects.files.free_bytes(gateway.data_dir))},
        ),
    )
