"""Teeth, view, region and side in what a device wrote in words, by the tables of anatomy_rules.py.

Cautious on purpose: dates, times, counts, units and numbers of images are no teeth. A number is FDI after a word for
tooth or a view, Universal after "#", and a quadrant's after UR, UL, LL or LR ("UL6").
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import Final, NamedTuple

from dicom_gateway.core.teeth import adjacent_teeth, parse_teeth
from dicom_gateway.errors import InvalidValue
from dicom_gateway.study import anatomy_rules as rules
from dicom_gateway.study.anatomy_rules import Rule

Kinds = frozenset[str]  # what an image is: rules.ANY with some of DENTAL, INTRAORAL, ANIMAL


class Findings(NamedTuple):
    """What a text says of an image; "" or () where it says nothing."""

    teeth: tuple[str, ...] = ()  # FDI
    view: str = ""
    region: str = ""
    laterality: str = ""


def _word(word: str) -> str:
    word = word.strip()
    return re.escape(word.removesuffix("*")) + (r"[a-z]*" if word.endswith("*") else "")


def _words(*lists: str) -> str:
    """Return the pattern of any of the words of comma separated lists, as whole words."""
    alternatives = sorted((_word(word) for words in lists for word in words.split(",")), key=len, reverse=True)
    return rf"(?<![a-z])(?:{'|'.join(alternatives)})(?![a-z])"


_DATES: Final = re.compile(
    r"\d{1,4}([-./])\d{1,2}\1\d{1,4}|\d{1,2}[:.]\d{2}(?:[:.]\d{2})+|\d{1,2}:\d{2}|\d{3,}|\d+[.]\d+"
)
_NUMBER: Final = rf"(?<!\d)[1-8][1-8](?!\d)(?!\s*{_words(rules.UNITS)})(?!\s*%)"
_BETWEEN: Final = r"(?:\s*[,;+&/]\s*|\s+(?:und|and|et|y|e|en)\s+|\s+)"
_TO: Final = r"\s*(?:-|–|bis|to)\s*"
_ITEM: Final = rf"{_NUMBER}(?:{_TO}{_NUMBER})?"
_LIST: Final = rf"{_ITEM}(?:{_BETWEEN}{_ITEM})*(?![a-z0-9])"
_AFTER_TOOTH: Final = re.compile(rf"{_words(rules.TOOTH_WORDS)}[\s:.()]*(?:nr|no)?[\s:.]*(?P<list>{_LIST})")
_AFTER_TEETH: Final = re.compile(rf"{_words(rules.TEETH_WORDS)}[\s:.]*(?P<list>{_LIST})")
_ALONE: Final = re.compile(rf"{_NUMBER}(?:\s*[,;+&]\s*{_NUMBER})+")
_UNIVERSAL_NUMBER: Final = r"(?:3[0-2]|[12]\d|[1-9]|[a-t])(?![a-z0-9])"
_UNIVERSAL_ITEM: Final = rf"#?\s*{_UNIVERSAL_NUMBER}(?:\s*-\s*#?\s*{_UNIVERSAL_NUMBER})?"
_UNIVERSAL: Final = re.compile(
    rf"(?P<before>[a-z-]*)\s*(?P<list>#\s*{_UNIVERSAL_ITEM}(?:\s*[,&+]\s*{_UNIVERSAL_ITEM})*)"
    rf"(?!\s*(?:{_words('of, von')}|[-/]))"
)
_QUADRANT: Final = re.compile(r"(?<![a-z])(?P<quadrant>ur|ul|ll|lr)[\s-]?(?P<position>[1-8])(?![a-z0-9])")
_QUADRANTS: Final = {"ur": "1", "ul": "2", "ll": "3", "lr": "4"}
_COUNTED: Final = re.compile(_words(rules.COUNTED_WORDS))
_DENTAL: Final = re.compile(
    _words(
        rules.TOOTH_WORDS,
        rules.TEETH_WORDS,
        rules.DENTAL_WORDS,
        *(rule.words for rule in rules.VIEWS if rule.dental and rule.where == rules.ANY),
    )
)


@cache
def _pattern(rule: Rule) -> re.Pattern[str]:
    return re.compile(_words(rule.words))


def plain(text: str) -> str:
    """Return a text, as much of it as is read, in small letters without accents, dates and times."""
    text = text[: rules.LONGEST_TEXT]
    small = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return _DATES.sub(" | ", small.replace("_", " "))


@lru_cache(maxsize=512)
def says_dental(text: str) -> bool:
    """Whether a text holds a word that only images of teeth have."""
    return _DENTAL.search(plain(text)) is not None


@lru_cache(maxsize=512)
def read_text(text: str, kinds: Kinds) -> Findings:
    """Return what a text says of an image of these kinds."""
    words = plain(text)
    views = list(_matching(rules.VIEWS, words, kinds))
    view = views[0][0].answer if views else ""
    return Findings(
        teeth=_teeth(words, kinds, view, views) if rules.ANIMAL not in kinds else (),
        view=view,
        region=_only(rule.answer for rule, _ in _matching(rules.REGIONS, words, kinds)),
        laterality=_side(words, kinds, [found for _, found in views]) if rules.ANIMAL not in kinds else "",
    )


def _matching(table: Iterable[Rule], words: str, kinds: Kinds) -> Iterator[tuple[Rule, re.Match[str]]]:
    for rule in table:
        if rule.where in kinds and (found := _pattern(rule).search(words)):
            yield rule, found


def _only(found: Iterable[str]) -> str:
    """Return what all agree on, else ""."""
    answers = set(found)
    return answers.pop() if len(answers) == 1 else ""


def _side(words: str, kinds: Kinds, views: Iterable[re.Match[str]]) -> str:
    found = {rule.answer for rule, _ in _matching(rules.SIDES, words, kinds)}
    for view in views:
        around = re.match(r"\s*([a-z]+)\b", words[view.end() :]), re.search(r"\b([a-z]+)\s*$", words[: view.start()])
        found |= {
            rules.SIDES_BESIDE_A_VIEW[near[1]] for near in around if near and near[1] in rules.SIDES_BESIDE_A_VIEW
        }
    return "B" if found == {"L", "R"} else _only(found)


def _teeth(words: str, kinds: Kinds, view: str, views: list[tuple[Rule, re.Match[str]]]) -> tuple[str, ...]:
    """Return the teeth that a text names, by the first of these ways of writing that finds some."""
    if rules.DENTAL not in kinds:
        return ()
    ways = [_after_words(words), _by_quadrant(words), _universal(words, view)]
    if rules.INTRAORAL in kinds:
        ways += [_after_view(words, views), _alone(words)]
    return next(filter(None, ways), ())


def _after_words(words: str) -> tuple[str, ...]:
    singular = [tooth for found in _AFTER_TOOTH.finditer(words) for tooth in _fdi(found["list"])]
    for found in _AFTER_TEETH.finditer(words):
        teeth = _fdi(found["list"])
        singular += teeth if len(teeth) > 1 or teeth > ("32",) else ()
    return tuple(dict.fromkeys(singular))


def _by_quadrant(words: str) -> tuple[str, ...]:
    found = (f"{_QUADRANTS[one['quadrant']]}{one['position']}" for one in _QUADRANT.finditer(words))
    return tuple(dict.fromkeys(found))


def _universal(words: str, view: str) -> tuple[str, ...]:
    found: list[str] = []
    for one in _UNIVERSAL.finditer(words):
        numbers = [number for item in re.findall(_UNIVERSAL_ITEM, one["list"]) for number in _run(item)]
        counts = len(numbers) == 1 and view in rules.COUNTED_VIEWS and "tooth" not in one["before"]
        if not counts and not _COUNTED.search(one["before"]):
            found += numbers
    try:
        return parse_teeth(found, "universal")
    except InvalidValue:
        return ()


def _run(item: str) -> list[str]:
    """Return the Universal numbers of "18" or "18-20"; of a run that goes backwards or mixes letters, its ends."""
    ends = re.findall(_UNIVERSAL_NUMBER, item)
    first, last = ends[0], ends[-1]
    if first.isdigit() and last.isdigit() and int(first) < int(last):
        return [str(number) for number in range(int(first), int(last) + 1)]
    return list(dict.fromkeys(ends))


def _after_view(words: str, views: Iterable[tuple[Rule, re.Match[str]]]) -> tuple[str, ...]:
    for rule, view in views:
        if rule.answer not in rules.VIEWS_OF_TEETH:
            continue
        if found := re.match(rf"[\s:]*(?:[a-z]{{1,6}}\s+)?(?P<list>{_LIST})", words[view.end() :]):
            teeth = _fdi(found["list"]) if "/" not in found["list"] else ()
            if len(teeth) > 1 or teeth > (str(rules.LONGEST_SERIES),):
                return teeth
    return ()


def _alone(words: str) -> tuple[str, ...]:
    return _fdi(words) if _ALONE.fullmatch(words.strip()) else ()


def _fdi(numbers: str) -> tuple[str, ...]:
    """Return the teeth of a list with runs; none when one of them does not exist, or a run is too long for an image."""
    teeth: dict[str, None] = {}
    for item in re.findall(_ITEM, numbers):
        ends = re.findall(r"\d\d", item)
        between = adjacent_teeth(ends[0], ends[-1])
        if not between or len(between) > rules.LONGEST_RUN:
            return ()
        teeth |= dict.fromkeys(between)
    return tuple(teeth)
