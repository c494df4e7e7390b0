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

from dicom_gateway.core.local_time import SECOND, local_now
from dicom_gateway.core.model import Order, ScheduledStep
from dicom_gateway.core.order_document import parse_order
from dicom_gateway.core.status import OPEN
from dicom_gateway.errors import Conflict, InvalidDocument, InvalidValue, NotFound
from dicom_gateway.storage.orders import OrderFilter
from dicom_gateway.web.pages import order_checks, order_forms
from dicom_gateway.web.pages.board_words import MODALITIES
from dicom_gateway.web.pages.frame import Form, Submitted, Visit, Visiting
from dicom_gateway.web.pages.language import Text
from dicom_gateway.web.pages.language import gettext as _
from dicom_gateway.web.pages.order_forms import AS_PLANNED, SOURCE
from dicom_gateway.web.pages.trial_order import PREFIX as TRIAL_PREFIX

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
PAST_AFTER = 60 * 60 * SECOND
STALE = "this order was changed meanwhile; look at it again"

LATEST = 20  # orders that are looked at for the habits: test orders of the gateway may be among them

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
    now, errors = local_now(visit.now, visit.zone), dict[str, str]()
    try:
        like = _order(visit, form.text("patient_of"))
        document = order_forms.new_document(form, now, like, _kinds(visit))
        modality = document["procedures"][0]["steps"][0].get("modality", "")
        errors = order_checks.new_faults(visit, form, modality)
        incoming = parse_order(document, visit.zone, now.date())
        other = order_checks.other_patient(visit, incoming.patient)
        if other is not None and form.text("same_patient") != other.id:
            errors["patient_id"] = visit.say(_("This number is somebody else’s. Please look above."))
            visit.saw(f"order {other.id}", "patient of the same number")
            return _form(visit, _typed(form), form.all("teeth"), errors, other=other)
        if not errors:
            order, is_new = visit.services.orders.save(incoming, visit.actor)
            return visit.go(
                f"/orders/{order.id}", _entered(visit, order) if is_new else _("This order was entered already.")
            )
    except Conflict as error:
        errors = {"": str(error)}
    except (InvalidDocument, InvalidValue) as error:
        errors = order_forms.new_errors(error, form) | errors
    return _form(visit, _typed(form), form.all("teeth"), errors)


def _typed(form: Form) -> dict[str, str]:
    """Return what was typed, of whatever length, to be shown again."""
    return {name: (form.values.get(name) or [""])[0][:500] for name in order_forms.FIELDS}


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
    order, errors = services.orders.get(id), dict[str, str]()
    try:
        if form.text("version") != str(order.version):
            raise Conflict(STALE)
        document = order_forms.changed_document(order, form)
        errors = order_checks.change_faults(visit, order, form)
        incoming = parse_order(document, visit.zone, local_now(visit.now, visit.zone).date())
        if not errors:
            changed, __ = services.orders.save(incoming, visit.actor)
            return visit.go(f"/orders/{id}", _changed(visit, order, changed))
    except Conflict as error:
        if str(error) != STALE:
            return _change_form(visit, order, errors={"": str(error)})
        says = _(
            "Somebody has changed this order meanwhile. What you entered is still here, beside what is stored now: "
            "save it again if it is to count."
        )
        return _change_form(visit, order, form, {"": visit.say(says)}, is_stale=True)
    except (InvalidDocument, InvalidValue) as error:
        errors = order_forms.change_errors(error, form) | errors
    return _change_form(visit, order, form, errors)


def _entered(visit: Visit, order: Order) -> Text:
    """Return what comes of a new order: where no device finds it, it says so."""
    (step,) = order.steps()
    known = {device.ae_title for device in visit.services.devices.store.all()}
    if not step.station_ae_titles:
        return _("The order is entered, but no device is known for it yet. Choose one by changing the order.")
    if known.isdisjoint(step.station_ae_titles):
        return _(
            "The order is entered, but %(device)s is no device of this practice: none finds it.",
            device=", ".join(step.station_ae_titles),
        )
    if _is_past(visit, step):
        return _(
            "The order is entered, but its time has passed: the device may not show it. Change its time if needed."
        )
    if step.start.date() > local_now(visit.now, visit.zone).date():
        return _("The order is entered. The device finds it in its worklist on that day.")
    return _("The order is entered. The device finds it in its worklist.")


def _changed(visit: Visit, before: Order, after: Order) -> Text:
    starts = {step.id: step.start_utc for step in before.steps()}
    moved = [step for step in after.steps() if step.status in OPEN and starts.get(step.id) != step.start_utc]
    if any(_is_past(visit, step) for step in moved):
        return _(
            "The order is changed, but its time has passed: the device may not show it. Change its time if needed."
        )
    return _("The order is changed.")


def _is_past(visit: Visit, step: ScheduledStep) -> bool:
    return step.start_utc < visit.now - PAST_AFTER


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
    other: Order | None = None,
) -> Response:  # fmt: skip
    habits = _habits(visit)
    kind = values["kind"] or (order_forms.ANIMAL if habits.is_animal else order_forms.PERSON)
    return visit.page(
        "order_form.html",
        status=422 if errors else 200,
        errors=errors or {},
        values={**values, "kind": kind},
        walk_in=values["walk_in"],
        other=other,
        asked=asked,
        orders=visit.services.page.order_search.last_orders(asked),
        teeth=teeth,
        habits=habits,
        jaws=(
            (order_forms.UPPER, order_forms.LOWER, _("Permanent teeth")),
            (order_forms.MILK_UPPER, order_forms.MILK_LOWER, _("Milk teeth")),
        ),
        modalities=_modalities(visit),
        only_kinds={
            one.ae_title: one.modalities[0] for one in visit.services.devices.store.all() if len(one.modalities) == 1
        },
        devices=[("", _("Any device for this kind of imaging")), *_devices(visit)],
        priorities=PRIORITIES,
        sexes=SEXES,
        neutered=NEUTERED,
        species=SPECIES_NAMES,
        breeds=BREED_NAMES,
    )


def _habits(visit: Visit) -> _Habits:
    latest = [one for one in visit.services.orders.find(OrderFilter(limit=LATEST)) if not _is_trial(one)][:5]
    animals = sum(order.patient.is_animal for order in latest)
    has_teeth = any(step.teeth for order in latest for step in order.steps())
    dental = {"IO", "PX"}
    made_for_teeth = any(dental.intersection(device.modalities) for device in visit.services.devices.store.all())
    return _Habits(animals * 2 > len(latest), has_teeth or (made_for_teeth and not animals))


def _is_trial(order: Order) -> bool:
    return order.source == SOURCE and order.placer_order_number.startswith(TRIAL_PREFIX)


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
    visit: Visit, order: Order, form: Form | None = None, errors: Mapping[str, str] | None = None,
    is_stale: bool = False,
) -> Response:  # fmt: skip
    devices = _devices(visit)
    known = {name for name, _words in devices}
    steps: list[dict[str, Any]] = []
    for step, stored in zip(order_forms.changeable(order, form), order_forms.changeable(order), strict=True):
        choices: list[tuple[str, Text | str]] = [("", _("Any device for this kind of imaging"))]
        if step.planned:
            choices.insert(0, (AS_PLANNED, _("As planned: %(devices)s", devices=", ".join(step.planned))))
        elif step.values["device"] and step.values["device"] not in known:
            choices.append((step.values["device"], step.values["device"]))
        steps.append({"step": step, "stored": stored.values, "devices": [*choices, *devices]})
    context = {"order": order, "steps": steps, "is_ours": order.source == SOURCE, "is_stale": is_stale}
    return visit.page("order_change.html", status=422 if errors else 200, errors=errors or {}, **context)
