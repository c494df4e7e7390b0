"""The people who use the page: what each role is called, and which names and passwords are taken."""

from dataclasses import dataclass
from enum import StrEnum

from dicom_gateway.errors import InvalidValue

LONGEST_NAME = 64
SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 200
_COMMON = frozenset(
    "1234567890 0123456789 12345678910 123456789012 qwertyuiop qwertzuiop password1234 passwort1234 password123 "
    "passwort123 iloveyou123 1q2w3e4r5t administrator praxis1234 clinic1234 veterinary dentalpractice".split()
)


class UserRole(StrEnum):
    """What a person does in the practice, and so may do on the page."""

    FRONT_DESK = "front desk"
    TECHNICIAN = "technician"
    CLINICIAN = "clinician"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class User:
    """A person who uses the page; `language` and `theme` are "" where nothing was chosen."""

    name: str
    role: UserRole
    language: str = ""
    theme: str = ""
    must_change: bool = False  # the password was made by somebody else
    created_at: int = 0
    disabled_at: int | None = None
    last_seen_at: int | None = None


def folded(name: str) -> str:
    """Return what two names have in common that look alike."""
    return name.strip().casefold()


def check_name(name: str) -> None:
    """Raise InvalidValue for a name that cannot be a user's."""
    if not name or name != name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        raise InvalidValue(f"must be 1 to {LONGEST_NAME} printable characters, without spaces around them", "name")


def check_password(name: str, password: str) -> None:
    """Raise InvalidValue for a password that is too easy to guess."""
    if len(password) < SHORTEST_PASSWORD:
        raise InvalidValue(f"must have at least {SHORTEST_PASSWORD} characters", "password")
    if len(password) > LONGEST_PASSWORD:
        raise InvalidValue(f"must have at most {LONGEST_PASSWORD} characters", "password")
    plain = password.casefold()
    if folded(name) in plain and len(plain) - len(folded(name)) < 6:
        raise InvalidValue("must not be your name", "password")
    if plain in _COMMON or len(set(plain)) < 4:
        raise InvalidValue("is too easy to guess", "password")
