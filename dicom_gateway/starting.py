"""What stands in the way of a start, and what to do: no database, another gateway on the folder, a port taken."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dicom_gateway.errors import SettingsError
from dicom_gateway.operating_system import try_lock
from dicom_gateway.settings import Listener, Settings
from dicom_gateway.settings_text import dotted, variable


def runs(data_dir: Path) -> bool | None:
    """Say whether `serve` runs on a data folder, whose lock its supervisor holds (a role that runs alone holds none);
    None when this user may not know."""
    try:
        with (data_dir / "run" / "supervisor.lock").open("rb") as guard:
            return not try_lock(guard)
    except FileNotFoundError:
        return False
    except OSError:
        return None


def refuse_second(data_dir: Path) -> None:
    """Raise SettingsError, with what to do, when `serve` runs on a data folder already."""
    if runs(data_dir):
        raise SettingsError(
            f"gateway.data_dir: another gateway runs on {data_dir}; `dicom-gateway check` says whether it is well. To "
            "start it anew, end it first (Ctrl-C in its terminal, systemctl stop dicom-gateway); a second gateway "
            "needs a data folder and ports of its own"
        )


def is_taken(error: SettingsError) -> bool:
    """Say whether a listener could not be bound because another program has its port."""
    return isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE


def port_advice(listener: Listener) -> str:
    """Return what to do about a port that another program has."""
    setting = listener.port_setting
    return f"`ss -ltnp` shows which; end it, or choose another port: {dotted(setting)}, {variable(setting)}"


def nothing_at(settings: Settings) -> tuple[str, str]:
    """Return that there is no database, and what to do."""
    setting = "database.url" if settings.database.url else "gateway.data_dir"
    return (
        f"there is no database at {settings.database_path()}",
        f"`dicom-gateway init` or `serve` makes it; is {setting} right?",
    )


@contextmanager
def explaining_ports(settings: Settings) -> Iterator[None]:
    """Let the SettingsError of a port that another program has say what to do."""
    try:
        yield
    except SettingsError as error:
        for listener in settings.listeners() if is_taken(error) else ():
            name = dotted(listener.port_setting)
            if str(error).startswith(f"{name}:"):  # as every SettingsError begins
                found = f"cannot listen on {listener.host}:{listener.port}: another program does"
                raise SettingsError(f"{name}: {found}; {port_advice(listener)}") from error
        raise
