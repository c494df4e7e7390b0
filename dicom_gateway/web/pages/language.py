"""The page's languages: texts that are marked in the source, catalogues (web/catalogues/*.po), dates and numbers.

English is the source. `gettext` marks a text and translates nothing: whoever reads it decides the language when it is
shown. A catalogue is read when somebody first needs it; a text that it lacks is shown in English.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from gettext import GNUTranslations, NullTranslations
from importlib import resources
from types import MappingProxyType
from typing import Any

from babel import Locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

SOURCE = "en"
_CATALOGUES = resources.files("dicom_gateway.web") / "catalogues"


@dataclass(frozen=True, slots=True)
class Text:
    """A text of the page, in English, with the values of its places; `many` is its plural, chosen by `count`."""

    message: str
    values: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    many: str = ""
    count: int = 0


def gettext(message: str, /, **values: Any) -> Text:
    """Mark a text; `values` are those of its places, as in "%(count)s images"."""
    return Text(message, values)


def ngettext(one: str, many: str, count: int, /, **values: Any) -> Text:
    """Mark a text that differs by number; `%(num)s` is the number."""
    return Text(one, {"num": count, **values}, many, count)


class Language:
    """One language: `code` is that of its catalogue."""

    def __init__(self, code: str, translations: NullTranslations) -> None:
        self.code = code
        self.locale = Locale.parse(code)
        self.translations = translations

    @property
    def name(self) -> str:
        """What the language calls itself."""
        return str(self.locale.get_display_name(self.code) or self.code).capitalize()

    def say(self, text: "Text | str") -> str:
        """Return a marked text in this language; a plain one stays as it is."""
        if isinstance(text, str):
            return text
        found = (
            self.translations.ngettext(text.message, text.many, text.count)
            if text.many
            else self.translations.gettext(text.message)
        )
        return (
            found % {name: self.say(value) if isinstance(value, Text) else value for name, value in text.values.items()}
            if text.values
            else found
        )


@cache
def languages() -> dict[str, str]:
    """Return the languages that there are by code, English first, each with what it calls itself."""
    codes = sorted(file.name.removesuffix(".po") for file in _CATALOGUES.iterdir() if file.name.endswith(".po"))
    return {code: Language(code, NullTranslations()).name for code in (SOURCE, *codes)}


@cache
def language(code: str) -> Language:
    """Return the language of a code, English for one that there is not."""
    if code == SOURCE or code not in languages():
        return Language(SOURCE, NullTranslations())
    compiled = io.BytesIO()
    with (_CATALOGUES / f"{code}.po").open("rb") as file:
        write_mo(compiled, read_po(file, locale=code))
    compiled.seek(0)
    return Language(code, GNUTranslations(compiled))


def chosen(own: str, accepted: str) -> Language:
    """Return the language of a reader: the one that they chose, else the first of the browser's (Accept-Language)."""
    if own in languages():
        return language(own)
    for wish in accepted.split(",")[:10]:
        code = wish.partition(";")[0].strip().lower().partition("-")[0]
        if code in languages():
            return language(code)
    return language(SOURCE)
