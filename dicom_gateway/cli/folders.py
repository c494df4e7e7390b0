"""Making the folders that a command is to work in, or saying why that cannot be and who can."""

from pathlib import Path

from dicom_gateway.errors import InvalidValue


def make_folder(folder: Path) -> None:
    """Make a folder that only its owner can enter, and what it is in; one that is there stays as it is.

    Raises InvalidValue with the system's reason.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except PermissionError as error:
        advice = "make it as root and give it to the user of the gateway"
        raise InvalidValue(f"{folder} cannot be made: {error.strerror}; {advice}") from error
    except OSError as error:
        raise InvalidValue(f"{folder} cannot be made: {error.strerror or error}") from error
