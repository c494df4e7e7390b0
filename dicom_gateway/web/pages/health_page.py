"""How the gateway is: what works, room on the disk, queues, alarms, its processes, plots of the last days, settings."""

import re
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from dicom_gateway.core.health_answer import Machine
from dicom_gateway.errors import NotFound
from dicom_gateway.web.pages.audit_words import alarm_path
from dicom_gateway.web.pages.frame import Submitted, Visit, Visiting
from dicom_gateway.web.pages.health_plots import plots_of
from dicom_gateway.web.pages.health_words import ASSOCIATIONS, COMPONENTS, ROLES, alarm_advice
from dicom_gateway.web.pages.language import Text
from dicom_gateway.web.pages.language import gettext as _

MOST_ALARMS: Final = 100
MOST_DUE: Final = 200
LOW_DAYS: Final = 14  # a disk that is full within so many days wants a person
_COUNTED: Final = re.compile(rb'^dicom_gateway_associations_total\{event="([a-z ]+)"\} ([0-9.e+]+)$', re.MULTILINE)

router = APIRouter(include_in_schema=False)


@router.get("/health")
def show_health(visit: Visiting) -> Response:
    """Show how the gateway is."""
    figures = visit.services.health.figures
    found = figures.now()
    machine = _machine(visit)
    state = _state(visit, machine)
    if state["alarms"]:
        visit.saw("alarms")
    return visit.page(
        "health.html",
        **state,
        plots=plots_of(visit, found),
        associations=_associations(visit.services.metrics()[0]),
        versions=[
            *(machine.versions if machine else ()),
            (visit.say(_("layout of the database, number")), figures.schema()),
        ],
    )


@router.get("/health/live")
def show_state(visit: Visiting) -> Response:
    """Show the part that changes."""
    return visit.fragment("_health_live.html", **_state(visit, _machine(visit)))


@router.post("/health/alarms/{key}/clear")
def clear_alarm(visit: Visiting, form: Submitted, key: str) -> Response:
    """End an alarm, because somebody has seen to it."""
    if not re.fullmatch(r"[0-9]{1,18}", key, re.ASCII):
        raise NotFound(f"no alarm {key[:32]}")
    visit.services.audit.clear(int(key), visit.actor, visit.now)
    return visit.go("/health", _("The alarm has ended. It comes again when its reason does."))


@router.get("/health/settings")
def show_settings(visit: Visiting, request: Request) -> Response:
    """Show every setting, and where it was set."""
    settings = visit.services.health.settings()
    only_changed = request.query_params.get("show") == "changed"
    shown = [one for one in settings if not (only_changed and one.is_default)]
    return visit.page("health_settings.html", settings=shown, only_changed=only_changed)


def _state(visit: Visit, machine: Machine | None) -> dict[str, Any]:
    services = visit.services
    alarms = services.audit.alarms()
    due = len(services.settlement.due(MOST_DUE))
    a_day = services.health.figures.now().bytes_a_day
    days_left = machine.days_left(a_day) if machine else None
    return {
        "components": [(*_component(name), state == "ok") for name, state in services.readiness().items()],
        "machine": machine,
        "bytes_a_day": round(a_day),
        "days_left": days_left,
        "is_low": days_left is not None and days_left < LOW_DAYS,
        "due": due,
        "most_due": MOST_DUE,
        "messages": services.health.figures.messages_in_work(),
        "targets": services.page.board.lights()[1],
        "alarms": alarms[:MOST_ALARMS],
        "more_alarms": max(0, len(alarms) - MOST_ALARMS),
        "advice": alarm_advice,
        "roles": ROLES,
        "missing": _missing(machine),
        "path_of": alarm_path,
    }


def _missing(machine: Machine | None) -> list[str]:
    """Return the roles that do not run, where those of one supervisor are seen at all."""
    running = {one.role for one in machine.roles} if machine else set()
    return [role for role in ROLES if role not in running] if len(running) > 1 else []


def _component(name: str) -> tuple[Text | str, Text | str]:
    return COMPONENTS.get(name, (name, ""))


def _machine(visit: Visit) -> Machine | None:
    """Return the machine, None when the data folder is gone."""
    try:
        return visit.services.health.machine()
    except OSError:
        return None


def _associations(metrics: bytes) -> list[tuple[Text | str, int]]:
    """Return how connections of devices went since the gateway was started, as the metrics count them."""
    counted = {event.decode("ascii"): round(float(number)) for event, number in _COUNTED.findall(metrics)}
    return [(words, counted[event]) for event, words in ASSOCIATIONS.items() if event in counted]
