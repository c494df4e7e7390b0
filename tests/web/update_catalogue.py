"""Renews the catalogues of the page: `python -m tests.web.update_catalogue` after a text has changed.

Every text that a template or a module of the page marks is in each `dicom_gateway/web/catalogues/*.po` afterwards:
what was translated stays so, a new text is empty, one that is gone is dropped. It prints what is left to translate.
A further language begins as an empty file of its name, such as `fr.po`. The head of a file is the translator's.
"""

import io
import re
from pathlib import Path

from babel import Locale
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po
from jinja2 import TemplateSyntaxError

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "dicom_gateway" / "web"
CATALOGUES = WEB / "catalogues"
WIDTH = 120
_METHODS = [("**.py", "python"), ("templates/**.html", "jinja2.ext:babel_extract")]
_OPTIONS = {"templates/**.html": {"extensions": "jinja2.ext.i18n", "trimmed": "true", "silent": "false"}}
_HEAD = """msgid ""
msgstr ""
"Language: {}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {}\\n"
"""
_FLAGS = {"python-format", "python-brace-format", "fuzzy"}  # Babel guesses the first two from the text


def extracted(folder: Path = WEB) -> Catalog:
    """Return every marked text below a folder, with the files that have it; an error names the file."""
    found = Catalog(charset="utf-8")
    files: list[str] = []
    texts_of = extract_from_dir(
        folder,
        _METHODS,
        _OPTIONS,
        keywords=DEFAULT_KEYWORDS,
        comment_tags=("NOTE",),
        callback=lambda name, _method, _options: files.append(name),
    )
    try:
        for name, _line, text, comments, context in texts_of:
            found.add(text, None, [(name, 0)], auto_comments=comments, context=context)
    except TemplateSyntaxError as error:
        error.add_note(f"in {files[-1]}, line {error.lineno}")
        raise
    return found


def read(path: Path) -> Catalog:
    """Return a catalogue; its file's name is its language. Obsolete texts stand apart from it."""
    with path.open("rb") as file:
        return read_po(file, locale=Locale.parse(path.stem), charset="utf-8", abort_invalid=True)


def renewed(old: Catalog, found: Catalog) -> Catalog:
    """Return a catalogue of exactly the texts `found`, with what `old` says of them."""
    new = Catalog(
        locale=old.locale, project="dicom_gateway", charset="utf-8", fuzzy=False, header_comment=old.header_comment
    )
    for message in texts(found):
        known = old.get(message.id, message.context)
        said = known.string if known and _same_form(known, message) else ""
        new.add(message.id, said, sorted(set(message.locations)), context=message.context)
    return new


def _same_form(one: Message, other: Message) -> bool:
    return isinstance(one.id, str) == isinstance(other.id, str) and not one.fuzzy


def texts(catalogue: Catalog) -> list[Message]:
    """Return the messages of a catalogue without its header."""
    return [message for message in catalogue if message.id]


def translations(message: Message) -> list[str]:
    """Return each form of a translation, "" for one that lacks."""
    return [message.string] if isinstance(message.string, str) else [one or "" for one in message.string]


def is_translated(message: Message) -> bool:
    """Say whether each form of a message is translated."""
    return all(one.strip() for one in translations(message))


def placeholders(text: str) -> set[str]:
    """Return the named places and the tags of a text: what must be the same in each language."""
    return set(re.findall(r"%\(\w+\)[sd]|</?\w+[^<>]*>", text))


def write(path: Path, catalogue: Catalog) -> None:
    """Write a catalogue, in the order of its texts and without line numbers, so that it differs where texts do."""
    head = path.read_text(encoding="utf-8").partition("\n\n")[0] if path.exists() else ""
    for message in catalogue:
        message.flags -= _FLAGS
    body = io.BytesIO()
    write_po(
        body, catalogue, width=WIDTH, sort_output=True, ignore_obsolete=True, include_lineno=False, omit_header=True
    )
    head = head.strip() or _HEAD.format(catalogue.locale, catalogue.plural_forms)
    path.write_text(f"{head}\n\n{body.getvalue().decode().strip()}\n", encoding="utf-8")


def main() -> None:
    """Renew every catalogue."""
    found = extracted()
    for path in sorted(CATALOGUES.glob("*.po")):
        old = read(path)
        new = renewed(old, found)
        if _said(old) != _said(new):
            write(path, new)
        left = [message for message in texts(new) if not is_translated(message)]
        print(f"{path.stem}: {len(texts(new))} texts, {len(left)} to translate")
        for message in left:
            print(f"  {message.id!r}")


def _said(catalogue: Catalog) -> list[tuple[object, object, object]]:
    found = [(message.context, message.id, message.string) for message in texts(catalogue)]
    return [*sorted(found, key=repr), ("obsolete", sorted(catalogue.obsolete), "")]


if __name__ == "__main__":
    main()
