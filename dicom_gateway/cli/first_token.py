"""The first administrator's token, whose file `init` writes and `serve` points at."""

from pathlib import Path

from dicom_gateway.errors import GatewayError
from dicom_gateway.gateway import Gateway
from dicom_gateway.settings import Settings

NAME = "administrator"
MAKE_ANOTHER = "dicom-gateway token create NAME --role administrator"


def token_file(data_dir: Path) -> Path:
    """Return the file that holds it."""
    return data_dir / "admin.token"


def is_revoked(gateway: Gateway) -> bool:
    """Say whether it was revoked; False where it was never made."""
    return any(row["name"] == NAME and row["revoked_at"] for row in gateway.tokens.all())


def remark(settings: Settings) -> str:
    """Return what to say of the file before the gateway starts: "" unless it is there and its token was revoked."""
    file = token_file(settings.gateway.data_dir)
    if not file.exists() or not settings.database_path().exists():
        return ""
    gateway = Gateway(settings)
    try:
        revoked = is_revoked(gateway)
    except GatewayError:  # of an older schema, or damaged: the start itself sees to that
        return ""
    finally:
        gateway.close()
    return f"The token in {file} is revoked: {MAKE_ANOTHER}" if revoked else ""
