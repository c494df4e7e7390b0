"""The real program with people before it: a browser, a PMS that takes webhooks, and a gateway with users."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from dicom_gateway.core.users import UserRole
from tests.browser.browsing import PASSWORD, launched
from tests.e2e.program import Program, free_port
from tests.e2e.receiver import Receiver

HL7 = '[[hl7_source]]\nname = "dental"\nsending_application = "CHAIRSIDE"\n'
DEVICES = {"DX1": "DX", "SENSOR1": "IO", "OPG1": "PX"}
USERS = {
    "Anna": UserRole.ADMINISTRATOR,
    "Tom": UserRole.TECHNICIAN,
    "Fay": UserRole.FRONT_DESK,
    "Cleo": UserRole.CLINICIAN,
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; ended with the module, since an event loop runs in this thread for as long as it lives."""
    with sync_playwright() as playwright:
        started = launched(playwright)
        yield started
        started.close()


@pytest.fixture(scope="module")
def pms() -> Iterator[Receiver]:
    with Receiver() as started:
        yield started


@pytest.fixture(scope="module")
def clinics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Program]]:
    """Start gateways: call with lines of gateway.toml; all are ended afterwards."""
    started: list[Program] = []

    def start(settings: str = "", **environment: str) -> Program:
        running = Program(tmp_path_factory.mktemp("clinic") / "gateway", settings, environment)
        started.append(running)
        running.start()
        return running

    yield start
    for running in started:
        running.end()


@pytest.fixture(scope="module")
def clinic(clinics: Callable[..., Program], pms: Receiver) -> Program:
    """A practice with devices, a PMS, and a user of each role."""
    tables = [f'[[device]]\nae_title = "{name}"\nmodalities = ["{kind}"]\n' for name, kind in DEVICES.items()]
    gateway = clinics(
        "\n".join([*tables, pms.settings, HL7]),
        DICOM_GATEWAY_GATEWAY__PRACTICE="Paws and Teeth",
        DICOM_GATEWAY_GATEWAY__TIME_ZONE="Europe/Berlin",
        DICOM_GATEWAY_COMPLETION__QUIET_SECONDS="1",
        DICOM_GATEWAY_STORAGE__RESERVE_MB="16",
        DICOM_GATEWAY_DICOM__UNKNOWN_DEVICES="refuse",
        DICOM_GATEWAY_HL7__PORT=str(free_port()),
    )
    for name, role in USERS.items():
        gateway.inside(
            "users", "add", name, "--role", role.value.replace(" ", "-"), "--typed", text=f"{PASSWORD}\n{PASSWORD}\n"
        )
    return gateway
