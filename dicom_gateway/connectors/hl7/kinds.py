"""How the value of a field is read: HL7's data types, as what an order document takes (HL7 v2.5.1 2A).

Each kind takes the places that a rule found, those with a value, and gives the document's fields, none when the places
say nothing that it knows. Lengths and contents are judged by the order document, in one place for every sender.
"""

import math
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from dicom_gateway.connectors.hl7.errors import DATA_TYPE, Hl7Error
from dicom_gateway.connectors.hl7.names import cn_name, family_name, xcn_name, xpn_name
from dicom_gateway.connectors.hl7.rules import Rule
from dicom_gateway.connectors.hl7.scope import Place, Scope
from dicom_gateway.core.identifiers import LO_LENGTH

Fields = dict[str, Any]


class Terms(NamedTuple):
    """What a kind is told beside the places: the scope they are of, the authority whose patient ids come first, and
    where to say what was left out."""

    scope: Scope
    assigning_authority: str
    remark: Callable[[str], None]


Kind = Callable[[Rule, Sequence[Place], Terms], Fields]

_TIME: Final = re.compile(r"(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:\.\d{1,6})?([+-]\d{4})?", re.ASCII)
_PRECISION: Final = {"Y": 1, "L": 2, "D": 3, "H": 4, "M": 5, "S": 6}  # TS-2 -> how many parts of the time count
_DAY: Final = 3
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_NUMBER: Final = re.compile(r"\d{1,9}([.,]\d{1,9})?", re.ASCII)
KILOGRAMS: Final = {"kg": 1.0, "kgs": 1.0, "g": 0.001, "gm": 0.001, "lb": 0.45359237, "lbs": 0.45359237,
                    "[lb_av]": 0.45359237, "oz": 0.028349523125, "[oz_av]": 0.028349523125}  # fmt: skip
METRES: Final = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254, "[in_i]": 0.0254, "ft": 0.3048, "[ft_i]": 0.3048}


def _text(rule: Rule, places: Sequence[Place], terms: Terms) -> Fields:
    return {rule.name: places[0].text()}


def _words(rule: Rule, places: Sequence[Place], terms: Terms) -> Fields:
    return {rule.name: _words_of(places[0])}


def _words_of(place: Place) -> str:
    return place.text() if place.location.component else place.text(2) or place.text(1)


def _joined(rule: Rule, places: Sequence[Place], terms: Terms) -> Fields:
    place = places[0]
    return {rule.name: " ".join(filter(None, (place.text(n) for n in range(1, len(place.parts) + 1))))}


def _lines(rule: Rule, places: Sequence[Place], terms: Terms) -> Fields:
    return {rule.name: "\n".join(place.lines for place in places)}


def _list(rule: Rule, places: Sequence[Place], terms: Terms) -> Fields:
    return {rule.name: [text for place in places if (text := place.text())]}


def _words_list(rule: Rule, places: Sequence[Place], terms: Terms) -> Fields:
    return {rule.name: [text for place in places if (text := _words_of(place))]}


def _alerts(rule: Rule, places: Sequence[Place], terms: Terms) -> Fields:
    wrapped = (textwrap.wrap(_words_of(place), LO_LENGTH) for place in places)
    return {rule.name: [piece for pieces in wrapped for piece in pieces]}


def _languages(rule: Rule, places: Sequence[Place], terms: Terms) -> Fields:
    return {rule.name: [text for place in places if _LANGUAGE.fullmatch(text := place.text())]}


def _time_parts(place: Place) -> tuple[list[int], str]:
    """Return the numbers of a time (year, month, ...) as far as they are known, and its offset."""
    of_field = not place.location.component
    precision = place.text(2) if of_field else place.text(0, 2)
    found = _TIME.fullmatch(place.text())
    if found is None:
        raise _not_a_time(place)
    numbers = [int(part) for part in found.groups()[:6] if part]
    return numbers[: _PRECISION.get(precision.upper(), 6)], found[7] or ""


def _not_a_time(place: Place) -> Hl7Error:
    return Hl7Error(
        f"{place.location} must be a date such as 20261123, or a date and time such as 202611231015, with +0100 behind "
        "it when it is not local time",
        DATA_TYPE,
        place.hl7,
    )


def _date(rule: Rule, places: Sequence[Place], terms: Terms) -> Fields:
    place = places[0]
    if not place.text().strip("0"):
        return {}
    numbers, _ = _time_parts(place)
    if len(numbers) < _DAY:
        terms.remark(f"{place.location}: a date without its day is left out")
        return {}
    try:
        return {rule.name: date(*numbers[:_DAY]).isoformat()}
    except ValueError:
        raise _not_a_time(place) from None


def _moment(rule: Rule, places: Sequence[Place], terms: Terms) -> Fields:
    place = places[0]
    numbers, offset = _time_parts(place)
    try:
        year, month, day = numbers[:_DAY]
        hour, minute, second = (*numbers[_DAY:], 0, 0, 0)[:3]
        found = datetime(year, month, day, hour, minute, second)
    except ValueError:
        raise _not_a_time(place) from None
    if len(numbers) == _DAY:
        return {rule.name: found.date().isoformat()}
    return {rule.name: found.isoformat(timespec="seconds") + (f"{offset[:3]}:{offset[3:]}" if offset else "")}


def _xpn(rule: Rule, places: Sequence[Place], terms: Terms) -> Fields:
    return {rule.name: xpn_name([place for place in places if place.segment is places[0].segment])}


def _xcn(rule: Rule, places: Sequence[Place], terms: Terms) -> Fields:
    return {rule.name: xcn_name(places[0])}


def _cn(rule: Rule, places: Sequence[Place], terms: Terms) -> Fields:
    return {rule.name: cn_name(places[0])}


def _name(rule: Rule, places: Sequence[Place], terms: Terms) -> Fields:
    return {rule.name: family_name(places[0].text())}


def _authority(place: Place) -> str:
    """Return the assigning authority of a CX: its name space, else its universal id."""
    return place.text(4, 1) or place.text(4, 2)


def _patient_id(rule: Rule, places: Sequence[Place], terms: Terms) -> Fields:
    wanted = terms.assigning_authority
    place = next((one for one in places if wanted and _authority(one) == wanted), places[0])
    return {"id": place.text(1), "issuer": _authority(place)}


def _ids(rule: Rule, places: Sequence[Place], terms: Terms) -> Fields:
    found = [
        {"id": place.text(1), "type": rule.id_type, "issuer": rule.id_issuer or _authority(place)}
        for place in places
        if place.text(1)
    ]
    return {rule.name: found} if found else {}


def _cx(rule: Rule, places: Sequence[Place], terms: Terms) -> Fields:
    return {rule.name: places[0].text(1), f"{rule.name}_issuer": _authority(places[0])}


def _ei(rule: Rule, places: Sequence[Place], terms: Terms) -> Fields:
    place = places[0]
    return {rule.name: place.text(1), f"{rule.name}_issuer": place.text(2) or place.text(3)}


def _code_of(place: Place) -> dict[str, str] | None:
    """Return the code of a triplet that begins at the location's component; None where a part of it is missing."""
    first = place.location.component or 1
    value, meaning, scheme = (place.text(first + n, 1) for n in range(3))
    return {"value": value, "scheme": scheme, "meaning": meaning} if value and meaning and scheme else None


def _code(rule: Rule, places: Sequence[Place], terms: Terms) -> Fields:
    code = _code_of(places[0])
    return {rule.name: code} if code else {}


def _codes(rule: Rule, places: Sequence[Place], terms: Terms) -> Fields:
    codes = [code for place in places if (code := _code_of(place))]
    return {rule.name: codes} if codes else {}


def _coded(rule: Rule, places: Sequence[Place], terms: Terms) -> Fields:
    code = _code_of(places[0])
    fields: Fields = {rule.name: _words_of(places[0])}
    if code:
        fields |= {"breed_codes": [code]} if rule.name == "breed" else {f"{rule.name}_code": code}
    return fields


def _registrations(rule: Rule, places: Sequence[Place], terms: Terms) -> Fields:
    return {rule.name: [{"number": place.text()} for place in places]}


def _measure(units: Mapping[str, float]) -> Kind:
    def read(rule: Rule, places: Sequence[Place], terms: Terms) -> Fields:
        place = places[0]
        unit = ""
        if rule.unit:
            unit = next((one.text() for one in terms.scope.of_segment(place.segment, rule.unit)), "")
        factor, text = units.get(unit.casefold()), place.text()
        if factor is None or _NUMBER.fullmatch(text) is None:
            what = "it is no number" if factor else f"its unit is none of {', '.join(units)}"
            terms.remark(f"{place.location}: {rule.name} is left out, {what}")
            return {}
        value = float(f"{float(text.replace(',', '.')) * factor:.6g}")
        return {rule.name: value} if math.isfinite(value) and value > 0 else {}

    return read


READ: Final[Mapping[str, Kind]] = {
    "text": _text,
    "words": _words,
    "joined": _joined,
    "lines": _lines,
    "list": _list,
    "words list": _words_list,
    "alerts": _alerts,
    "date": _date,
    "moment": _moment,
    "xpn": _xpn,
    "xcn": _xcn,
    "cn": _cn,
    "name": _name,
    "patient id": _patient_id,
    "ids": _ids,
    "cx": _cx,
    "ei": _ei,
    "code": _code,
    "codes": _codes,
    "coded": _coded,
    "registrations": _registrations,
    "kilograms": _measure(KILOGRAMS),
    "metres": _measure(METRES),
    "languages": _languages,
}
