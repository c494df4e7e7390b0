"""A day as people type it."""

from datetime import date as Date
from datetime import datetime
from zoneinfo import ZoneInfo

import click


def day_of(text: str, zone: ZoneInfo) -> str:
    """Return the day of a `--date` as YYYYMMDD, "" for none; `today` is that of `zone`. Raises BadParameter."""
    if not text:
        return ""
    if text == "today":
        return f"{datetime.now(zone):%Y%m%d}"
    try:
        if not text.replace("-", "").isdigit():
            raise ValueError("a week")
        return f"{Date.fromisoformat(text):%Y%m%d}"
    except ValueError:
        raise click.BadParameter("a day is written YYYY-MM-DD, YYYYMMDD or today", param_hint="--date") from None
