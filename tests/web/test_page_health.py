"""The page of the health: components, room, queues, alarms, plots, versions, settings."""

import re
from dataclasses import replace
from typing import Any

import pytest

from dicom_gateway.core.health_answer import RoleProcess
from dicom_gateway.core.users import UserRole
from dicom_gateway.storage.studies import Quarantined
from dicom_gateway.web.pages.health_page import _associations
from dicom_gateway.web.pages.health_words import ALARMS, COMPONENTS, ROLES, alarm_advice
from dicom_gateway.web.pages.language import Text
from tests.docs.pages import read
from tests.web.conftest import MACHINE

SECOND = 1_000_000
GB = 1 << 30


@pytest.fixture
def visitor(world: Any, port: int) -> Any:
    with world.visitor(port) as visitor:
        yield visitor


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


def on(world: Any, **values: Any) -> None:
    """Let the machine be another."""
    machine = replace(MACHINE, **values)
    object.__setattr__(world.services.health, "machine", lambda: machine)


def test_all_is_well(world: Any, visitor: Any) -> None:
    page = visitor.get("/health")
    assert page.status_code == 200
    shown = text_of(page.text)
    for words in (
        "The database can be read and written", "No alarm stands.", "40 GB of 100 GB", "1 GB", "5 MB", "90 MB",
        "Shows this page and serves other programs", "dicom_gateway 1.2.3", "nobody can say",
    ):  # fmt: skip
        assert words in shown, words
    assert "Something does not work" not in shown and page.text.count('class="light green"') == 2
    assert re.search(r"layout of the database, number\s*\d+", shown)


def test_what_does_not_work_is_said_first(world: Any, visitor: Any) -> None:
    world.components |= {"space": "failed", "something": "failed"}
    page = visitor.get("/health/live").text
    assert page.index('role="alert"') < page.index("Does it work?")
    assert "There is room for images" in page.split("</ul>")[0] and "Make room on the disk." in page
    assert page.count('class="light red"') == 2 and "<html" not in page


def test_a_role_that_does_not_run(world: Any, visitor: Any) -> None:
    def running(*roles: str) -> str:
        on(world, roles=tuple(RoleProcess(role, 1, 1 << 20, world.time[0]) for role in roles))
        return str(visitor.get("/health/live").text)

    page = running("dicom", "web", "worker")
    assert page.count("not running") == 1 and re.search(r"intake.*?not running", page, re.DOTALL)
    for roles in (("dicom", "intake", "web", "worker"), ("web",), ()):  # alone: the others may run elsewhere
        assert "not running" not in running(*roles)
    assert "This system does not say." in running()


def test_how_long_the_room_lasts(world: Any, port: int) -> None:
    for _ in range(3):
        world.receive(bytes(100_000), sop_instance_uid=f"1.2.3.4.{_}")
    on(world, free=GB + 3_000_000)
    with world.visitor(port) as visitor:
        assert re.search(r'class="badge bad">about (8|9|10) days', visitor.get("/health").text)
    on(world, free=GB + 90_000_000)
    with world.visitor(port) as visitor:
        shown = visitor.get("/health/live").text
        assert re.search(r"about (29\d|300) days", shown) and 'class="badge bad">about' not in shown


def test_a_data_folder_that_is_gone(world: Any, visitor: Any) -> None:
    def gone() -> None:
        raise OSError("no such folder")

    object.__setattr__(world.services.health, "machine", gone)
    for path in ("/health", "/health/live"):
        page = visitor.get(path)
        assert page.status_code == 200 and "The data folder cannot be found." in page.text


def test_alarms_and_their_end(world: Any, visitor: Any) -> None:
    audit = world.services.audit
    audit.alarm(world.time[0], "object refused", "DX1 <b>", "no UID & more")
    audit.alarm(world.time[0], "patient differs", "study 1.2.3", "")
    page = visitor.get("/health").text
    assert "An image could not be taken" in page and "Have the device set right" in page
    assert "DX1 &lt;b&gt;" in page and "no UID &amp; more" in page and 'href="/studies/1.2.3"' in page
    assert [row["action"] for row in audit.of("alarms")] == ["viewed"]
    key = audit.alarms()[0]["key"]
    answer = visitor.send_form(f"/health/alarms/{key}/clear")
    assert (answer.status_code, answer.headers["location"]) == (303, "/health")
    assert [alarm["key"] for alarm in audit.alarms()] != [] and key not in [alarm["key"] for alarm in audit.alarms()]
    assert visitor.send_form(f"/health/alarms/{key}/clear").status_code == 404
    for wrong in ("x", "-1", "9" * 19):
        assert visitor.send_form(f"/health/alarms/{wrong}/clear").status_code == 404


def test_many_alarms(world: Any, visitor: Any) -> None:
    for number in range(103):
        world.services.audit.alarm(world.time[0], "file missing", f"objects/{number}", "")
    page = visitor.get("/health").text
    assert page.count("/clear") == 100 and "Older alarms that stand too: 3." in page


def test_queues(world: Any, visitor: Any) -> None:
    world.messages()
    world.receive()
    world.time[0] += 70 * SECOND
    shown = text_of(visitor.get("/health").text)
    assert "Studies being checked for missing images 1" in shown and "Messages in work 1" in shown
    assert "Deliveries to clinic" in shown


def test_plots_and_their_tables(world: Any, visitor: Any, bodies: Any) -> None:
    world.receive()
    world.services.studies.quarantine(Quarantined("EVIL<b>", "10.0.0.1", "1.2", "1.2.3", 0xA900, "no UID", "q/1", 10))
    page = visitor.get("/health").text
    figures = re.findall(r"<figure.*?</figure>", page, re.DOTALL)
    assert len(figures) == 4
    by_title = {re.search(r"<figcaption>(.*?)</figcaption>", one)[1]: one for one in figures}  # type: ignore[index]
    assert "Nothing in these days." in by_title["From order to first image, by day"]
    hours = by_title["Images by hour of the day"]
    assert 'role="img"' in hours and "1 images came today" in hours
    assert re.search(r'<th scope="row"><bdi>16</bdi></th><td class="number">1</td>', hours)  # 16:13 in Berlin
    failures = by_title["What went wrong in seven days, by device"]
    assert "EVIL&lt;b&gt;" in failures and "EVIL<b>" not in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_from_order_to_image(world: Any, visitor: Any, bodies: Any) -> None:
    with world.client(int(visitor.base_url.port)) as client:
        order = client.post("/api/v1/orders", json=bodies("A-1")).json()
    world.time[0] += 90 * SECOND
    uid = order["procedures"][0]["study_instance_uid"]
    patient = order["patient"]
    world.receive(
        study_instance_uid=uid, sop_instance_uid=f"{uid}.1", series_instance_uid=f"{uid}.0",
        patient_id=patient["id"], issuer=patient["issuer"] or "",
    )  # fmt: skip
    page = text_of(visitor.get("/health").text)
    assert "On the days with images, half of the orders took less than 1.5 min." in page


def test_settings_and_where_they_were_set(visitor: Any) -> None:
    page = visitor.get("/health/settings").text
    assert "dicom.port" in page and "nowhere: the default" in page
    assert "Practice &lt;1&gt;" in page and "/etc/gateway.toml" in page
    changed = visitor.get("/health/settings?show=changed").text
    assert "dicom.port" not in changed and "gateway.practice" in changed


def test_roles(world: Any, port: int) -> None:
    for role, state in ((UserRole.FRONT_DESK, 403), (UserRole.CLINICIAN, 403), (UserRole.TECHNICIAN, 200)):
        with world.visitor(port, role) as visitor:
            assert visitor.get("/health").status_code == state
            assert visitor.get("/health/settings").status_code == 403
    with world.visitor(port, UserRole.TECHNICIAN) as visitor:
        assert "/health/settings" not in visitor.get("/health").text


def test_associations_of_the_metrics() -> None:
    text = (
        b"# HELP dicom_gateway_associations_total x\n"
        b'dicom_gateway_associations_total{event="accepted"} 12.0\n'
        b'dicom_gateway_associations_total{event="aborted"} 1.2e+06\n'
        b'dicom_gateway_associations_total{event="of the future"} 3.0\n'
        b'dicom_gateway_objects_total{event="refused"} 3.0\n'
    )
    found = [(words.message if isinstance(words, Text) else words, count) for words, count in _associations(text)]
    assert found == [("answered", 12), ("of these, broken off", 1_200_000)]


def test_every_component_and_alarm_has_words() -> None:
    table = read("docs/operations.md").split("<!-- alarms -->")[1].split("<!-- /alarms -->")[0]
    kinds = {kind for line in table.strip().splitlines()[2:] for kind in re.findall(r"`([^`]+)`", line.split("|")[1])}
    assert kinds == ALARMS.keys()
    assert ROLES.keys() == {"dicom", "intake", "worker", "web"}
    assert COMPONENTS.keys() >= {"database", "store", "space", "running", "dicom"}


def test_a_pause_by_a_person_says_who_and_why() -> None:
    found = alarm_advice("target paused", "user Ann: new server")
    assert isinstance(found, Text) and found.values == {"name": "Ann", "reason": "new server"}
    assert alarm_advice("target paused", "410 Gone") == ALARMS["target paused"] and alarm_advice("new", "") == "–"
