"""An order that is entered here, planned or for somebody who just walked in, and the change of one that has not begun.

Both make an order document and go the way of every other order: the same checks, the same store.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from dicom_gateway.core.local_time import local_now
from dicom_gateway.core.model import Order
from dicom_gateway.core.order_document import parse_order
from dicom_gateway.errors import Conflict, InvalidDocument, InvalidValue, NotFound
from dicom_gateway.storage.orders import OrderFilter
from dicom_gateway.web.pages import order_forms
from dicom_gateway.web.pages.board_words import MODALITIES
from dicom_gateway.web.pages.frame import Form, Submitted, Visit, Visiting
from dicom_gateway.web.pages.language import Text
from dicom_gateway.web.pages.language import gettext as _
from dicom_gateway.web.pages.order_forms import AS_PLANNED, SOURCE

PRIORITIES = (("ROUTINE", _("Normal")), ("HIGH", _("Urgent")), ("STAT", _("Emergency")))
SEXES = (("", _("Not known")), ("F", _("Female")), ("M", _("Male")), ("O", _("Other")))
NEUTERED = (("", _("Not known")), ("yes", _("Yes")), ("no", _("No")))
# What is offered; what is typed otherwise is taken too. The names are those whose codes are known.
SPECIES_NAMES = (
    "Dog",
    "Cat",
    "Rabbit",
    "Guinea pig",
    "Horse",
    "Cattle",
    "Sheep",
    "Goat",
    "Pig",
    "Ferret",
    "Rat",
    "Mouse",
)
BREED_NAMES = (
    "Beagle", "Bernese mountain dog", "Border collie", "Boxer", "Chihuahua", "Dachshund", "French bulldog",
    "German shepherd dog", "Golden retriever", "Jack Russell terrier", "Labrador retriever", "Mixed breed", "Poodle",
    "Pug", "Yorkshire terrier", "Domestic shorthair", "Domestic longhair", "British shorthair", "Maine coon", "Persian",
    "Siamese",
)  # fmt: skip
STALE = "this order was changed meanwhile; look at it again"

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class _Habits:
    """What the last orders of the practice were like, so that the form begins as it will be needed."""

    is_animal: bool
    has_teeth: bool


@router.get("/orders/new")
def new_order(visit: Visiting) -> Response:
    """Show an empty form; `walk_in`: for now, `patient_of`: with the patient of an earlier order."""
    query = visit.request.query_params
    walk_in = bool(query.get("walk_in"))
    values = dict.fromkeys(order_forms.FIELDS, "")
    like = _order(visit, query.get("patient_of", ""))
    if like is not None:
        values |= order_forms.values_of(like.patient, like.id)
        visit.saw(f"order {like.id}", "patient of a new order")
    start = _next_quarter(local_now(visit.now, visit.zone))
    values |= {"date": start.date().isoformat(), "time": start.strftime("%H:%M"), "priority": "ROUTINE"}
    values |= {"walk_in": "1" if walk_in else "", "nonce": secrets.token_hex(8)}
    devices = visit.services.devices.store.all()
    chosen = next((one for one in devices if one.ae_title == query.get("device", "")), None)
    if walk_in and chosen is None:
        chosen = next((one for one in devices if one.modalities), None)
    if chosen is not None:
        values |= {"device": chosen.ae_title, "modality": next(iter(chosen.modalities), "")}
    return _form(visit, values, [], asked=query.get("q", "")[:200].strip())


@router.post("/orders/new")
def enter_order(visit: Visiting, form: Submitted) -> Response:
    """Take a new order; the same form once more is the same order."""
    services, now = visit.services, local_now(visit.now, visit.zone)
    try:
        like = _order(visit, form.text("patient_of"))
        document = order_forms.new_document(form, now, like, _kinds(visit))
        order, is_new = services.orders.save(parse_order(document, visit.zone, now.date()), visit.actor)
    except (InvalidDocument, InvalidValue, Conflict) as error:
        errors = {"": str(error)} if isinstance(error, Conflict) else order_forms.new_errors(error, form)
        values = {name: (form.values.get(name) or [""])[0][:500] for name in order_forms.FIELDS}
        return _form(visit, values, form.all("teeth"), errors)
    return visit.go(f"/orders/{order.id}", _entered(order) if is_new else _("This order was entered already."))


@router.get("/orders/{id}/change")
def ask_for_change(id: str, visit: Visiting) -> Response:
    """Show what can be changed of an order: whatever has not begun."""
    order = visit.services.orders.get(id)
    visit.saw(f"order {id}")
    return _change_form(visit, order)


@router.post("/orders/{id}/change")
def change(id: str, visit: Visiting, form: Submitted) -> Response:
    """Change the time, the device and what is to be done of the steps that have not begun."""
    services = visit.services
    order = services.orders.get(id)
    try:
        if form.text("version") != str(order.version):
            raise Conflict(STALE)
        document = order_forms.changed_document(order, form)
        services.orders.save(parse_order(document, visit.zone, local_now(visit.now, visit.zone).date()), visit.actor)
    except Conflict as error:
        says = _("Somebody has changed this order meanwhile. These are its values now.")
        return _change_form(visit, order, errors={"": visit.say(says) if str(error) == STALE else str(error)})
    except (InvalidDocument, InvalidValue) as error:
        return _change_form(visit, order, form, order_forms.change_errors(error, form))
    return visit.go(f"/orders/{id}", _("The order is changed."))


def _entered(order: Order) -> Text:
    if not order.steps()[0].station_ae_titles:
        return _("The order is entered, but no device is known for it yet. Choose one by changing the order.")
    return _("The order is entered. The device finds it in its worklist.")


def _kinds(visit: Visit) -> dict[str, str]:
    """Return the first modality of each device that has one."""
    return {one.ae_title: one.modalities[0] for one in visit.services.devices.store.all() if one.modalities}


def _order(visit: Visit, order_id: str) -> Order | None:
    try:
        return visit.services.orders.get(order_id) if order_id else None
    except NotFound:
        return None


def _next_quarter(now: datetime) -> datetime:
    """Return the next quarter of an hour, at least a minute from now."""
    later = now.replace(second=0, microsecond=0) + timedelta(minutes=15)
    return later - timedelta(minutes=later.minute % 15)


def _form(
    visit: Visit, values: Mapping[str, str], teeth: list[str], errors: Mapping[str, str] | None = None, asked: str = "",
) -> Response:  # fmt: skip
    habits = _habits(visit)
    kind = values["kind"] or (order_forms.ANIMAL if habits.is_animal else order_forms.PERSON)
    return visit.page(
        "order_form.html",
        status=422 if errors else 200,
        errors=errors or {},
        values={**values, "kind": kind},
        walk_in=values["walk_in"],
        asked=asked,
        orders=visit.services.page.order_search.last_orders(asked),
        teeth=teeth,
        habits=habits,
        jaws=(
            (order_forms.UPPER, order_forms.LOWER, _("Permanent teeth")),
            (order_forms.MILK_UPPER, order_forms.MILK_LOWER, _("Milk teeth")),
        ),
        modalities=_modalities(visit),
        devices=[("", _("Any device of this modality")), *_devices(visit)],
        priorities=PRIORITIES,
        sexes=SEXES,
        neutered=NEUTERED,
        species=SPECIES_NAMES,
        breeds=BREED_NAMES,
    )


def _habits(visit: Visit) -> _Habits:
    latest = visit.services.orders.find(OrderFilter(limit=5))
    animals = sum(order.patient.is_animal for order in latest)
    has_teeth = any(step.teeth for order in latest for step in order.steps())
    dental = {"IO", "PX"}
    made_for_teeth = any(dental.intersection(device.modalities) for device in visit.services.devices.store.all())
    return _Habits(animals * 2 > len(latest), has_teeth or (made_for_teeth and not animals))


def _modalities(visit: Visit) -> list[tuple[str, str]]:
    """Return the modalities to choose from, those of the practice's devices first, each with what it is called."""
    own = [one for device in visit.services.devices.store.all() for one in device.modalities]
    return [
        ("", visit.say(_("Choose one"))),
        *((code, _called(visit, code)) for code in dict.fromkeys([*own, *MODALITIES])),
    ]


def _called(visit: Visit, code: str) -> str:
    words = MODALITIES.get(code)
    return f"{code} – {visit.say(words)}" if words else code


def _devices(visit: Visit) -> list[tuple[str, Text | str]]:
    found: list[tuple[str, Text | str]] = []
    for device in visit.services.devices.store.all():
        kinds = ", ".join(device.modalities)
        found.append((device.ae_title, f"{device.ae_title} ({kinds})" if kinds else device.ae_title))
    return found


def _change_form(
    visit: Visit, order: Order, form: Form | None = None, errors: Mapping[str, str] | None = None
) -> Response:  # fmt: skip
    devices = _devices(visit)
    known = {name for name, _words in devices}
    steps: list[dict[str, Any]] = []
    for step in order_forms.changeable(order, form):
        choices: list[tuple[str, Text | str]] = [("", _("Any device of this modality"))]
        if step.planned:
            choices.insert(0, (AS_PLANNED, _("As planned: %(devices)s", devices=", ".join(step.planned))))
        elif step.values["device"] and step.values["device"] not in known:
            choices.append((step.values["device"], step.values["device"]))
        steps.append({"step": step, "devices": [*choices, *devices]})
    context = {"order": order, "steps": steps, "is_ours": order.source == SOURCE}
    return visit.page("order_change.html", status=422 if errors else 200, errors=errors or {}, **context)
