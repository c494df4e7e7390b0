"""Which worklist items a query finds, decided slowly and to the letter of PS3.4 C.2.2.2, C.2.2.3 and K.2.2.1.

It shares no code with core.matching: keys and items are plain texts by keyword, wildcards are tried character by
character, dates are datetimes, and accents are a table made by hand. What the standard leaves open is decided as
docs/worklist.md says. `Model` tells which attributes there are, and which are compared.
"""

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from pydicom.datadict import dictionary_VR

Keys = dict[str, Any]  # keyword -> text, or for a sequence a list of Keys
Item = dict[str, Any]  # keyword -> list of texts, or for a sequence a list of Items
Path = tuple[str, ...]
Model = Callable[[Path], bool | None]  # None: there is no such attribute; else whether it is compared

NOT_COMPARED = {"SpecificCharacterSet", "TimezoneOffsetFromUTC", "QueryRetrieveLevel"}
WILDCARDS = {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"}
ONE_VALUE = {"LT", "ST", "UT", "UR"}
LEADING_SPACES_COUNT = {"LT", "ST", "UT", "UR", "UC"}
START_DATE, START_TIME = "ScheduledProcedureStepStartDate", "ScheduledProcedureStepStartTime"
PLAIN_LETTERS = {
    **dict(zip("äÄàÀáÁâÂåÅãÃ", "a" * 12, strict=True)),
    **dict(zip("éÉèÈêÊëË", "e" * 8, strict=True)),
    **dict(zip("íÍìÌîÎïÏ", "i" * 8, strict=True)),
    **dict(zip("öÖóÓòÒôÔøØ", "ooooooooøø", strict=True)),  # a stroke is no accent
    **dict(zip("üÜúÚùÙ", "u" * 6, strict=True)),
    **dict(zip("çÇñÑšŠ", "ccnnss", strict=True)),
    **dict(zip("łŁжЖ", "łłжж", strict=True)),
    **dict(zip("ΩωΣσςάΆίΊ", "ωωσσσααιι", strict=True)),
    "ß": "ss",
}


class Unreadable(ValueError):
    """The key, or the value of an item, is none of its VR."""


def finds(keys: Keys, item: Item, model: Model, path: Path = ()) -> bool:
    """Say whether every key of a level matches the item."""
    start = _start_period(keys) if path else None
    for keyword, key in keys.items():
        if _says_nothing(keyword) or not model((*path, keyword)):
            continue
        if start and keyword in (START_DATE, START_TIME):
            if not _starts_within(start, item):
                return False
        elif not _matches(keyword, key, item.get(keyword, []), model, path):
            return False
    return True


def answer(keys: Keys, item: Item, model: Model, path: Path = ()) -> Item:
    """Return what the query asks of an item that it finds."""
    found: Item = {}
    for keyword, key in keys.items():
        known = model((*path, keyword))
        if _says_nothing(keyword) or known is None:
            continue
        values = item.get(keyword, [])
        if isinstance(key, list) and key and not all(map(_says_nothing, key[0])):
            below = (*path, keyword)
            chosen = [one for one in values if not known or finds(key[0], one, model, below)]
            values = [answer(key[0], one, model, below) for one in chosen]
        found[keyword] = values
    return found


def unsupported(keys: Keys, model: Model, path: Path = ()) -> bool:
    """Say whether a key is not supported for existence."""
    for keyword, key in keys.items():
        if _says_nothing(keyword):
            continue
        if model((*path, keyword)) is None:
            return True
        if isinstance(key, list) and key and unsupported(key[0], model, (*path, keyword)):
            return True
    return False


def _says_nothing(keyword: str) -> bool:
    return keyword in NOT_COMPARED or keyword.endswith(",0000")  # a group length


def _matches(keyword: str, key: Any, values: list[Any], model: Model, path: Path) -> bool:
    if isinstance(key, list):
        if _is_universal(keyword, key, model, path):
            return True
        return any(finds(key[0], one, model, (*path, keyword)) for one in values)
    vr = dictionary_VR(keyword)
    wanted = _values(vr, key)
    if _asks_nothing(vr, wanted):
        return True
    return any(_one_matches(vr, one, value) for one in wanted for value in values if value)


def _is_universal(keyword: str, key: Any, model: Model, path: Path) -> bool:
    if _says_nothing(keyword) or not model((*path, keyword)):
        return True
    if not isinstance(key, list):
        vr = dictionary_VR(keyword)
        return _asks_nothing(vr, _values(vr, key))
    return not key or all(_is_universal(name, below, model, (*path, keyword)) for name, below in key[0].items())


def _values(vr: str, text: str) -> list[str]:
    values = [text] if vr in ONE_VALUE else text.split("\\")
    return [value for value in (without_padding(vr, one) for one in values) if value]


def without_padding(vr: str, text: str) -> str:
    """Return a value without what PS3.5 6.2 calls padding."""
    while text and text[-1] in " \0":
        text = text[:-1]
    while text and text[0] == " " and vr not in LEADING_SPACES_COUNT:
        text = text[1:]
    return text


def _asks_nothing(vr: str, values: list[str]) -> bool:
    if not values or "*" in values:
        return True
    if vr == "US":
        return set(values) == {"0"}
    return vr == "PN" and any(_groups(value) in ([], ["*"]) for value in values)


def _one_matches(vr: str, key: str, value: str) -> bool:
    try:
        if vr == "PN":
            return _name_matches(key, value)
        if vr in ("DA", "TM"):
            return _period_holds(vr, key, value)
        if vr in ("DS", "IS", "US"):
            return _number(key) == _number(value)
    except Unreadable:
        return False
    return _like(key, value) if vr in WILDCARDS else key == value


def _like(key: str, value: str) -> bool:
    """Compare with wildcards, one character after the other: `places` are where the rest of the key may begin."""
    places = {0}
    for character in key:
        if character == "*":
            places = {after for place in places for after in range(place, len(value) + 1)}
        else:
            places = {p + 1 for p in places if p < len(value) and character in ("?", value[p])}
    return len(value) in places


def _number(text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise Unreadable from None
    if not number.is_finite() or "_" in text:
        raise Unreadable
    return number


# --- person names ----------------------------------------------------------------------------------------------------


def _groups(name: str) -> list[str]:
    """Return the component groups, without what is empty at the end of a group or of the name."""
    groups = []
    for group in name.split("="):
        components = [component.strip(" ") for component in group.split("^")]
        while components and not components[-1]:
            components.pop()
        groups.append("^".join(components))
    while groups and not groups[-1]:
        groups.pop()
    return groups


def _plain(text: str) -> str:
    return "".join(PLAIN_LETTERS.get(character, character.lower()) for character in text)


def _name_matches(key: str, name: str) -> bool:
    has = _groups(name)
    for place, group in enumerate(_groups(key)):
        if not group:
            continue
        if place >= len(has) or not has[place]:
            return False
        asked, value = _plain(group), _plain(has[place])
        if "*" in group or "?" in group:  # the name is written with as many delimiters as the key has
            value += "^" * (asked.count("^") - value.count("^"))
            if not _like(asked, value):
                return False
        elif asked != value:
            return False
    return True


# --- dates and times -------------------------------------------------------------------------------------------------


def _day(text: str) -> date:
    digits = text.replace(".", "") if len(text) == 10 and text[4] == text[7] == "." else text
    if len(digits) != 8 or not (digits.isascii() and digits.isdigit()):
        raise Unreadable
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        raise Unreadable from None


def _times(text: str) -> tuple[time, time]:
    """Return the first and the last moment of what is written."""
    whole, point, fraction = text.partition(".")
    if ":" in whole:
        if any(len(part) != 2 for part in whole.split(":")):
            raise Unreadable
        whole = whole.replace(":", "")
    good = whole.isascii() and whole.isdigit() and len(whole) in (2, 4, 6)
    if point:
        good = good and len(whole) == 6 and fraction.isascii() and fraction.isdigit() and len(fraction) <= 6
    if not good:
        raise Unreadable
    if whole[4:] == "60":
        whole, fraction = whole[:4] + "59", "999999"
    ends = []
    for rest in ("00000000000000", "99999999999999"):
        filled = whole + {"0": "000000", "9": "235959"}[rest[0]][len(whole) :]
        micro = (fraction + rest)[:6]
        try:
            ends.append(time(int(filled[:2]), int(filled[2:4]), int(filled[4:]), int(micro)))
        except ValueError:
            raise Unreadable from None
    return ends[0], ends[1]


def _ends(vr: str, text: str) -> tuple[Any, Any]:
    return (_day(text), _day(text)) if vr == "DA" else _times(text)


def _form(key: str) -> str:
    before, hyphen, after = key.partition("-")
    return f"{'a' if before.strip() else ''}{hyphen}{'b' if after.strip() else ''}"


def _range(vr: str, key: str) -> tuple[Any, Any]:
    """Return the first moment of the lower end and the last of the upper end; None where the range is open."""
    before, _, after = key.partition("-")
    low = _ends(vr, before.strip())[0] if before.strip() else None
    high = _ends(vr, after.strip())[1] if after.strip() else None
    return low, high


def _period_holds(vr: str, key: str, value: str) -> bool:
    moment = _ends(vr, value)[0]
    if "-" not in key:
        return bool(_ends(vr, key)[0] == moment)
    low, high = _range(vr, key)
    return (low is None or low <= moment) and (high is None or moment <= high)


def _start_period(keys: Keys) -> tuple[str, str] | None:
    """Return date and time key when both are ranges of the same form: then they are one period."""
    found = [_values(vr, keys.get(keyword, "")) for vr, keyword in (("DA", START_DATE), ("TM", START_TIME))]
    if any(len(values) != 1 for values in found):
        return None
    day, clock = found[0][0], found[1][0]
    try:
        _range("DA", day)
        _range("TM", clock)
    except Unreadable:
        return None
    return (day, clock) if _form(day) == _form(clock) and "-" in day else None


def _starts_within(start: tuple[str, str], item: Item) -> bool:
    days, clocks = item.get(START_DATE, []), item.get(START_TIME, [])
    if not days or not clocks:
        return False
    try:
        moment = datetime.combine(_day(days[0]), _times(clocks[0])[0])
    except Unreadable:
        return False
    (first_day, last_day), (first_time, last_time) = _range("DA", start[0]), _range("TM", start[1])
    if first_day is not None and moment < datetime.combine(first_day, first_time):
        return False
    return not (last_day is not None and moment > datetime.combine(last_day, last_time))
