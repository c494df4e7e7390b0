"""The kinds of value that an order document has: what is taken, in which words it is refused, how its schema says it.

Lengths are those of the DICOM attribute that will carry the value (PS3.5 6.2); nothing is ever cut. A number is a JSON
number and a truth value true or false: text and truth values never stand for a number. null is an absent value.
"""

import re
from datetime import date, datetime, time
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema

from dicom_gateway.core.identifiers import (
    LO_LENGTH,
    PN_GROUP_LENGTH,
    SH_LENGTH,
    has_control_characters,
    has_leading_zero,
    is_ae_title,
    is_uid,
)

EARLIEST_BIRTH = date(1850, 1, 1)
UID_LENGTH = 64
NUMBER_LENGTH = 200  # of what a PMS calls its own things
LT_LENGTH = 10240

_UID_PATTERN = r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*"  # PS3.5 9.1; what a device sends is taken as it is
_UID = re.compile(_UID_PATTERN)
_CODE_STRING_PATTERN = "[A-Z0-9 _]+"
_CODE_STRING = re.compile(_CODE_STRING_PATTERN)
_LANGUAGE_PATTERN = "[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*"
_LANGUAGE = re.compile(_LANGUAGE_PATTERN)
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_ISO_START = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?$"


def _plain(value: str) -> str:
    value = value.strip()
    if has_control_characters(value):
        raise ValueError("must not hold control characters")
    if "\\" in value:
        raise ValueError("must not hold a backslash, which separates values in DICOM")
    return value


def _person_name(value: str) -> str:
    groups = _plain(value).split("=")
    if len(groups) > 3:
        raise ValueError("a person name has at most three component groups, separated by =")
    if any(len(group) > PN_GROUP_LENGTH for group in groups):
        raise ValueError(f"each component group of a person name has at most {PN_GROUP_LENGTH} characters")
    if any(group.count("^") > 4 for group in groups):
        raise ValueError("a person name has at most five components, separated by ^")
    return value.strip() if value.strip("=^ ") else ""  # separators alone are no name


def _uid(value: str) -> str:
    value = value.strip()
    if value and has_leading_zero(value):
        raise ValueError("must be a UID without needless zeros: 1.02 is not allowed, 1.2 and 1.0 are")
    if value and not (is_uid(value) and _UID.fullmatch(value)):
        raise ValueError(f"must be a UID: at most {UID_LENGTH} characters, numbers separated by single dots")
    return value


def _ae_title(value: str) -> str:
    value = value.strip()
    if not is_ae_title(value):
        raise ValueError("must be an AE title: 1 to 16 characters without backslash")
    return value


def _code_string(value: str) -> str:
    value = value.strip()
    if len(value) > SH_LENGTH or _CODE_STRING.fullmatch(value) is None:
        raise ValueError("must be a DICOM code such as DX: 1 to 16 capital letters, digits, spaces or underscores")
    return value


def _role(value: str) -> str:
    return _code_string(value.upper()) if value.strip() else ""


def _language(value: str) -> str:
    value = value.strip()
    if len(value) > SH_LENGTH or _LANGUAGE.fullmatch(value) is None:
        raise ValueError("must be a language tag such as de or fr-CH (RFC 5646)")
    return value


def _remarks(value: str) -> str:
    return "\n".join(_plain(line) for line in value.strip().splitlines())


def _birth_date(value: object, info: ValidationInfo) -> date | None:
    """Take a date as text only; `today` of the context is the last one that is taken."""
    if value is None or value == "":
        return None
    try:
        if not isinstance(value, str) or _ISO_DATE.fullmatch(value.strip()) is None:
            raise ValueError
        found = date.fromisoformat(value.strip())
    except ValueError:
        raise ValueError("must be a date such as 2019-05-01") from None
    if found < EARLIEST_BIRTH:
        raise ValueError(f"must not be before {EARLIEST_BIRTH.year}")
    today: date | None = (info.context or {}).get("today")
    if today is not None and found > today:
        raise ValueError(f"must not be after today, {today}")
    return found


def _start(value: object) -> datetime:
    if not isinstance(value, str):
        raise ValueError('must be a text such as "2026-11-23T10:15:00"')
    text = value.strip()
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
        moment = datetime.combine(day, time()) if day else datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a date and time such as 2026-11-23T10:15:00, or a date") from None
    if not 1900 <= moment.year <= 2999:
        raise ValueError("must be a year from 1900 to 2999")
    return moment.replace(microsecond=0)


def _number(value: object) -> object:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError("must be a number, not text and not true or false")
    return value


def _truth(value: object) -> object:
    if value is not None and not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _none_is_empty(value: object) -> object:
    return "" if value is None else value


def _none_is_no_item(value: object) -> object:
    return () if value is None else value


def _text_schema(length: int, pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "maxLength": length, "pattern": f"^{pattern}$"})


NoneIsEmpty = BeforeValidator(_none_is_empty)
NoneIsNoItem = BeforeValidator(_none_is_no_item)

Text = Annotated[str, Field(max_length=LO_LENGTH), AfterValidator(_plain), NoneIsEmpty]
ShortText = Annotated[str, Field(max_length=SH_LENGTH), AfterValidator(_plain), NoneIsEmpty]
LongText = Annotated[str, Field(max_length=LT_LENGTH), AfterValidator(_remarks), NoneIsEmpty]
AnyId = Annotated[str, Field(max_length=NUMBER_LENGTH), AfterValidator(_plain), NoneIsEmpty]
PersonName = Annotated[str, Field(max_length=3 * PN_GROUP_LENGTH + 2), AfterValidator(_person_name), NoneIsEmpty]
Uid = Annotated[str, AfterValidator(_uid), NoneIsEmpty, _text_schema(UID_LENGTH, _UID_PATTERN)]
Modality = Annotated[str, AfterValidator(_code_string), _text_schema(SH_LENGTH, _CODE_STRING_PATTERN)]
Role = Annotated[str, AfterValidator(_role), NoneIsEmpty, _text_schema(SH_LENGTH, "[A-Za-z0-9 _]*")]
Language = Annotated[str, AfterValidator(_language), _text_schema(SH_LENGTH, _LANGUAGE_PATTERN)]
AeTitle = Annotated[str, AfterValidator(_ae_title), _text_schema(SH_LENGTH, r"[ -\[\]-~]+")]
Tooth = Annotated[str, Field(max_length=8), _text_schema(2, "([1-8][1-8]|[1-9]|[12][0-9]|3[0-2]|[A-Ta-t])")]
BirthDate = Annotated[date | None, BeforeValidator(_birth_date)]
Start = Annotated[
    datetime,
    BeforeValidator(_start),
    WithJsonSchema({"type": "string", "pattern": _ISO_START, "examples": ["2026-11-23T10:15:00", "2026-11-23"]}),
]
Truth = Annotated[bool | None, BeforeValidator(_truth)]
Number = BeforeValidator(_number)
