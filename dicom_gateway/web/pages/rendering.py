"""Templates into HTML: one Jinja environment a language, escaping on, with the filters of the page.

Nothing is loaded from outside; style and script are files of web/static. The policy forbids everything else.
"""

import gzip
import hashlib
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import cache
from importlib import resources
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time
from babel.numbers import format_decimal
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from dicom_gateway.core.local_time import from_instant
from dicom_gateway.web.pages.language import Language, Text, gettext, language, languages
from dicom_gateway.web.pages.plain_words import plain

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "same-origin",  # without any, browsers hide where a form comes from
}
MEDIA_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_STATIC = resources.files("dicom_gateway.web") / "static"


class StaticFile(NamedTuple):
    """A file of the page; `tag` changes with its contents."""

    content: bytes
    zipped: bytes
    media_type: str
    tag: str


@cache
def static_files() -> dict[str, StaticFile]:
    """Return style sheets, scripts and pictures of the page by name."""
    found = {}
    for file in _STATIC.iterdir():
        media_type = MEDIA_TYPES.get(PurePosixPath(file.name).suffix)
        if media_type:
            content = file.read_bytes()
            tag = hashlib.sha256(content).hexdigest()[:12]
            found[file.name] = StaticFile(content, gzip.compress(content, 6, mtime=0), media_type, tag)
    return found


def static(name: str) -> str:
    """Return the address of a static file; it may be kept for ever. Raises KeyError."""
    return f"/static/{name}?v={static_files()[name].tag}"


class Renderer:
    """Renders templates in the practice's zone and a reader's language. `shared`: values that every template sees."""

    def __init__(self, zone: ZoneInfo, shared: Mapping[str, Any]) -> None:
        self.zone = zone
        self._shared = shared
        self._environments: dict[str, Environment] = {}

    def render(self, reader: Language, name: str, context: Mapping[str, Any]) -> str:
        """Return a template as HTML."""
        return self._environment(reader).get_template(name).render(context)

    def warm(self) -> None:
        """Make every template of every language ready, so that nobody has to wait for it."""
        for code in languages():
            environment = self._environment(language(code))
            for name in environment.list_templates():
                environment.get_template(name)

    def _environment(self, reader: Language) -> Environment:
        found = self._environments.get(reader.code)
        if found is None:
            found = self._environments[reader.code] = _environment(reader, Formats(reader, self.zone), self._shared)
        return found


def _environment(reader: Language, formats: "Formats", shared: Mapping[str, Any]) -> Environment:
    environment = Environment(
        loader=PackageLoader("dicom_gateway.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
        finalize=lambda value: reader.say(value) if isinstance(value, Text) else value,
    )
    environment.install_gettext_translations(reader.translations, newstyle=True)  # type: ignore[attr-defined]
    environment.globals.update(shared, static=static, languages=languages, language=reader.code)
    environment.filters.update(
        time=formats.time, when=formats.when, day=formats.day, duration=formats.duration, number=formats.number,
        bytes=formats.size, person=person, plain=lambda text: reader.say(plain(text)),
    )  # fmt: skip
    return environment


class Formats:
    """Instants (microseconds UTC), local times and numbers as a reader writes them; None is a dash."""

    def __init__(self, reader: Language, zone: ZoneInfo) -> None:
        self._reader = reader
        self._zone = zone

    def time(self, moment: int | datetime | None, seconds: bool = False) -> str:
        """Return the time of day."""
        pattern = "HH:mm:ss" if seconds else "HH:mm"
        return "–" if moment is None else format_time(self._local(moment), pattern, locale=self._reader.locale)

    def day(self, moment: int | date | datetime | None, style: str = "medium") -> str:
        """Return the date; `style` is one of short, medium, long, full."""
        if moment is None:
            return "–"
        local = self._local(moment) if isinstance(moment, int | datetime) else moment
        return format_date(local, style, locale=self._reader.locale)

    def when(self, moment: int | datetime | None, seconds: bool = False) -> str:
        """Return date and time."""
        if moment is None:
            return "–"
        return f"{self.day(moment)} {self.time(moment, seconds)}"

    def duration(self, microseconds: int | None) -> str:
        """Return a length of time in its two largest units."""
        if microseconds is None:
            return "–"
        seconds = int(timedelta(microseconds=max(0, microseconds)).total_seconds())
        for size, below, text in _UNITS:
            if seconds >= size:
                return self._reader.say(gettext(text, most=seconds // size, rest=seconds % size // below))
        return self._reader.say(gettext("%(seconds)s s", seconds=seconds))

    def number(self, value: float | None) -> str:
        """Return a number with the reader's separators."""
        return "–" if value is None else str(format_decimal(value, locale=self._reader.locale))

    def size(self, count: int | None) -> str:
        """Return a number of bytes in a unit that fits."""
        if count is None:
            return "–"
        value, unit = float(count), "B"
        for larger in ("KB", "MB", "GB", "TB"):
            if value < 1024:
                break
            value, unit = value / 1024, larger
        return f"{format_decimal(round(value, 1 if value < 10 else 0), locale=self._reader.locale)} {unit}"

    def _local(self, moment: int | datetime) -> datetime:
        if isinstance(moment, int):
            return from_instant(moment).astimezone(self._zone).replace(tzinfo=None)
        return moment


_DAYS = gettext("%(most)s d %(rest)s h")
_HOURS = gettext("%(most)s h %(rest)s min")
_MINUTES = gettext("%(most)s min %(rest)s s")
_UNITS = ((86400, 3600, _DAYS.message), (3600, 60, _HOURS.message), (60, 1, _MINUTES.message))


def person(name: str) -> Markup:
    """Return a PN value ("Doe^Jane=..=..") as people write it, kept apart from the direction of the text around it."""
    groups = [_group(group) for group in name.split("=")[:2]]
    shown = next((group for group in groups if group), "")
    other = f" ({groups[1]})" if len(groups) > 1 and groups[0] and groups[1] else ""
    return Markup("<bdi>{}</bdi>").format(escape(shown + other)) if shown else Markup("–")


def _group(group: str) -> str:
    """Return a component group as family name, then the rest."""
    family, _, rest = group.partition("^")
    given = " ".join(part for part in rest.split("^") if part.strip())
    return ", ".join(part for part in (family.strip(), given.strip()) if part)
