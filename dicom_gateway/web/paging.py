"""Lists page by page: an opaque cursor that holds where the last page ended.

Long lists are cut by their store; page_of cuts those that are short enough to be read whole.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from dicom_gateway.core.local_time import iso_utc
from dicom_gateway.errors import InvalidValue
from dicom_gateway.storage.database import Row

Place = tuple[int, str]  # an instant and an identifier: what the list is ordered by
_PLACE = re.compile(r"([0-9]{1,18}):([\x21-\x7e]{1,300})")


def write_cursor(place: Place) -> str:
    """Return the cursor of a place."""
    return base64.urlsafe_b64encode(f"{place[0]}:{place[1]}".encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> Place | None:
    """Return the place of a cursor, None of none; raises InvalidValue for what is not one of ours."""
    if not cursor:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    match = _PLACE.fullmatch(text)
    if match is None:
        raise InvalidValue("is not a cursor of this list", "cursor")
    return int(match[1]), match[2]


def _empty_is_none(value: object) -> object:
    return None if value == "" else value


EmptyIsNone = BeforeValidator(_empty_is_none)
FilterText = Annotated[str, Field(max_length=200)]


class PagedQuery(BaseModel):
    """What every list takes; another parameter is refused."""

    model_config = ConfigDict(extra="forbid")
    limit: Annotated[int, Field(ge=1, le=500, description="how many at most")] = 100
    cursor: Annotated[str, Field(max_length=500, description="`next` of the page before")] = ""


def instant(value: int | None) -> str | None:
    """Return an instant of a row as text, None when there is none."""
    return iso_utc(value) if value else None


def page(items: list[dict[str, Any]], last: Place | None) -> dict[str, Any]:
    """Return a page: its items, and the cursor of the next one when `last` says where this one ended."""
    return {"items": items, "next": write_cursor(last) if last else None}


def page_of(
    rows: Iterable[Row], query: PagedQuery, place: Callable[[Row], Place], shown: Callable[[Row], dict[str, Any]]
) -> dict[str, Any]:
    """Return a page of a list that was read whole: the latest place first. Raises InvalidValue for a bad cursor."""
    after = read_cursor(query.cursor)
    found = sorted((row for row in rows if after is None or place(row) < after), key=place, reverse=True)
    here = found[: query.limit]
    return page([shown(row) for row in here], place(here[-1]) if len(found) > len(here) else None)
