"""The exception tree: each error knows the status it has on each wire.

An error is raised once, deep inside, and answered at the edge that it reaches: `c_status` and `n_status` for
DIMSE-C and DIMSE-N (PS3.7 Annex C), `http_status` for the API, `exit_code` for a command. The message is for a
person and never holds patient data beyond what that person sent.
"""


class GatewayError(Exception):
    """Something went wrong that this program did not foresee."""

    c_status: int = 0x0110
    n_status: int = 0x0110
    http_status: int = 500
    exit_code: int = 1


class SettingsError(GatewayError):
    """A setting is unknown or its value is wrong; the text names it, its origin and what would be right."""

    exit_code = 2


class InvalidValue(GatewayError):
    """A value cannot be taken as it is; `field` is its dotted path."""

    c_status = 0xA900
    n_status = 0x0106
    http_status = 422
    exit_code = 2

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class InvalidDocument(GatewayError):
    """Several values of one document cannot be taken; `errors` holds each with its field."""

    http_status = 422
    exit_code = 2

    def __init__(self, errors: list[InvalidValue]) -> None:
        super().__init__("; ".join(f"{error.field}: {error}" if error.field else str(error) for error in errors))
        self.errors = errors


class NotFound(GatewayError):
    """There is nothing of that name."""

    n_status = 0x0112
    http_status = 404


class Conflict(GatewayError):
    """What is asked contradicts what is stored."""

    http_status = 409


class IllegalTransition(Conflict):
    """A status does not allow this event; nothing was changed."""


class NotAllowed(GatewayError):
    """The peer may not do this."""

    c_status = 0x0124
    n_status = 0x0124
    http_status = 403


class Unavailable(GatewayError):
    """The database or the disk cannot take more now; the same request may succeed later."""

    c_status = 0xA700
    n_status = 0x0213
    http_status = 503


class DamagedFile(GatewayError):
    """A stored object has no readable file."""


class RefusedObject(GatewayError):
    """A received object cannot be kept as what it claims to be; `c_status` says why (PS3.4 B.2.3)."""

    def __init__(self, message: str, c_status: int) -> None:
        super().__init__(message)
        self.c_status = c_status
