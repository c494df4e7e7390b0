"""The page speaks each of its languages whole: every text is marked and translated, with the same places and tags."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message

from tests.web.update_catalogue import (
    CATALOGUES,
    WEB,
    extracted,
    is_translated,
    placeholders,
    read,
    renewed,
    texts,
    translations,
    write,
)

PATHS = sorted(CATALOGUES.glob("*.po"))
HOW = "python -m tests.web.update_catalogue, then translate"
NAMES = [path.stem for path in PATHS]


@pytest.fixture(scope="module")
def marked() -> Catalog:
    """Every text of the page."""
    return extracted()


def key(message: Message) -> object:
    return message.context, message.id


def test_german_is_there_and_the_page_has_texts(marked: Catalog) -> None:
    assert "de" in NAMES
    assert len(texts(marked)) > 50


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
class TestCatalogue:
    def test_every_text_is_translated(self, path: Path, marked: Catalog) -> None:
        known = {key(message): message for message in texts(read(path))}
        left = [message.id for message in texts(marked) if not has(known, message)]
        assert left == [], HOW

    def test_none_is_left_of_a_text_that_is_gone(self, path: Path, marked: Catalog) -> None:
        catalogue = read(path)
        found = {key(message) for message in texts(marked)}
        assert [message.id for message in texts(catalogue) if key(message) not in found] == [], HOW
        assert list(catalogue.obsolete) == [], HOW

    def test_places_and_tags_are_the_same(self, path: Path) -> None:
        assert [message.id for message in texts(read(path)) if not fits(message)] == []

    def test_none_is_doubtful(self, path: Path) -> None:
        assert [message.id for message in texts(read(path)) if message.fuzzy] == []

    def test_no_text_begins_or_ends_with_another_space(self, path: Path) -> None:
        assert [message.id for message in texts(read(path)) if edges(message) != {edge(first(message))}] == []


def has(known: dict[object, Message], message: Message) -> bool:
    found = known.get(key(message))
    return found is not None and is_translated(found)


def first(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def edge(text: str) -> tuple[bool, bool]:
    return text[:1].isspace(), text[-1:].isspace()


def edges(message: Message) -> set[tuple[bool, bool]]:
    return {edge(one) for one in translations(message)}


def fits(message: Message) -> bool:
    """Say whether each form holds the places of the text that it stands for; one thing may do without its number."""
    if isinstance(message.id, str):
        return placeholders(translations(message)[0]) == placeholders(message.id)
    one, many = map(placeholders, message.id)
    singular, *plural = map(placeholders, translations(message))
    return one <= singular <= many and all(form == many for form in plural)


@pytest.mark.parametrize(
    ("text", "translation", "is_right"),
    [
        ("%(name)s of <b>%(day)s</b>", "am <b>%(day)s</b> %(name)s", True),
        ("%(name)s", "%(nome)s", False),
        ("see <a>there</a>", "siehe dort", False),
        (("one image", "%(count)s images"), ("ein Bild", "%(count)s Bilder"), True),
        (("one image", "%(count)s images"), ("ein Bild", "viele Bilder"), False),
    ],
)
def test_a_wrong_place_is_noticed(text: str, translation: str, is_right: bool) -> None:
    assert fits(Message(text, translation)) is is_right


def test_a_renewed_catalogue_keeps_adds_and_drops(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a.html").write_text('<p>{{ _("Kept") }} {% trans %}New{% endtrans %}</p>')
    (tmp_path / "b.py").write_text('text = _("From Python")\n')
    old = Catalog(locale="de")
    old.add("Kept", "Behalten")
    old.add("Gone", "Weg")
    path = tmp_path / "de.po"
    write(path, renewed(old, extracted(tmp_path)))
    found = {message.id: message.string for message in texts(read(path))}
    assert found == {"Kept": "Behalten", "New": "", "From Python": ""}


def test_a_template_that_cannot_be_read_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "a.html").write_text("{% trans %}never ended")
    with pytest.raises(Exception, match="trans"):
        extracted(tmp_path)


_JINJA = re.compile(r"\{#.*?#\}|\{%-?\s*trans\b.*?endtrans\s*-?%\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_ATTRIBUTE = re.compile(r'[\w-]+="[^"]*"')
_SAID = {
    "title",
    "alt",
    "placeholder",
    "aria-label",
    "aria-description",
    "aria-roledescription",
    "aria-valuetext",
    "label",
}
NO_WORDS = (  # the same in every language
    "DICOM gateway", "dicom_gateway", "SOP Instance UID", "SOP Class UID", "DICOM", "PNG", "JPEG", "HL7", "UID", "AE",
    "CSV",
    "JSON", "MPPS", "TLS", "VR", "PMS", "kV", "mAs", "mA", "ms", "px",
)  # fmt: skip


class Words(HTMLParser):
    """Collects what a template says without marking it: texts, and the attributes that are read to people."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._quiet = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._quiet += tag in ("script", "style")
        self.found += [value for name, value in attrs if value and name in _SAID and speaks(value)]

    def handle_endtag(self, tag: str) -> None:
        self._quiet -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        data = _ATTRIBUTE.sub(" ", data)  # a macro may write those of somebody else's element
        if not self._quiet and speaks(data):
            self.found.append(" ".join(data.split()))


def speaks(text: str) -> bool:
    """Say whether a text holds words that need a translation."""
    left = re.sub(rf"\b(?:{'|'.join(NO_WORDS)})\b", " ", text)
    return re.search(r"[^\W\d_]{2}", left) is not None


def unmarked(template: str) -> list[str]:
    """Return the texts of a template that no catalogue can translate."""
    words = Words()
    words.feed(_JINJA.sub(" ", template))
    words.close()
    return words.found


@pytest.mark.parametrize("path", sorted((WEB / "templates").glob("*.html")), ids=lambda path: path.name)
def test_no_text_stands_unmarked(path: Path) -> None:
    assert unmarked(path.read_text(encoding="utf-8")) == []


def test_unmarked_texts_are_noticed() -> None:
    assert unmarked(
        '<p title="Here">{{ _("Marked") }} There <b>{% if more > 1 %}DICOM{% endif %}</b> {# Not #}</p>'
    ) == [
        "Here",
        "There",
    ]
