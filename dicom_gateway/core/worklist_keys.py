"""One matching key against the values of one attribute, by VR (PS3.4 C.2.2.2.1 to C.2.2.2.5, padding PS3.5 6.2).

Text is compared as it stands, case and all, save person names: those fold case and accents, component group by
component group. Wildcards compile to patterns that never backtrack, so no key can be made expensive.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from dicom_gateway.core.attributes import WILDCARD_VRS
from dicom_gateway.core.folding import ONE_TEXT, components, fold, name_groups, strip
from dicom_gateway.core.worklist_periods import PARSERS, parse_period

Test = Callable[[str], bool]  # takes one value of the item, stripped; "" never comes

_DELIMITERS: Final = frozenset(b"\r\n\t\f\\^=")  # each returns to the first character set (PS3.5 6.1.2.5.3)
_LONGEST_PATTERN: Final = 16_384  # characters; a longer one would take a noticeable time to compile
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([Ee][+-]?\d+)?", re.ASCII)  # DS and IS, PS3.5 6.2


def read_values(dataset: Dataset, tag: BaseTag, vr: str) -> list[str]:
    """Return the values that are not empty, stripped; raise ValueError if they cannot be read as `vr`.

    A raw element is decoded here, not by pydicom, which refuses or warns of what a key may be (a range in a DA).
    """
    element = dataset.get_item(tag)
    value: Any = element.value
    if isinstance(value, bytes):
        value = _decode(element, vr, dataset)
    if isinstance(value, Sequence | Dataset):
        if not value:
            return []
        raise ValueError("a sequence where a value belongs")
    texts = value if isinstance(value, MultiValue | list | tuple) else [] if value is None else [value]
    return [text for text in (strip(vr, str(one)) for one in texts) if text]


def _decode(element: DataElement | RawDataElement, vr: str, dataset: Dataset) -> list[str]:
    value: Any = element.value
    if vr == "US":
        little = getattr(element, "is_little_endian", True)
        return [str(int.from_bytes(value[n : n + 2], "little" if little else "big")) for n in range(0, len(value), 2)]
    encodings = convert_encodings(dataset.original_character_set or dataset._character_set)
    text = decode_bytes(value, encodings, set(_DELIMITERS))
    return [text] if vr in ONE_TEXT else text.split("\\")


def is_wildcard(vr: str, text: str) -> bool:
    """Whether a key value holds a wildcard, where the VR takes one (C.2.2.2.4)."""
    return vr in WILDCARD_VRS and ("*" in text or "?" in text)


def key_test(vr: str, texts: Iterable[str]) -> Test | None:
    """Return the test of a key with `texts` (stripped): any one is enough; None when it is universal.

    Raises ValueError when no value of the key can be one of `vr`.
    """
    keys = [text for text in texts if text]
    # A device that sends 0 for PregnancyStatus has nothing to ask: its terms are 1 to 4.
    if not keys or "*" in keys or (vr == "US" and all(_number(text) == 0 for text in keys)):
        return None
    if vr not in WILDCARD_VRS and vr not in _MAKERS:
        return frozenset(keys).__contains__  # a list of UIDs may be long
    maker = _MAKERS.get(vr, _text_test)
    tests, bad = [], None
    for key in keys:
        try:
            test = maker(key)
        except ValueError as error:
            bad = error
            continue
        if test is None:
            return None
        tests.append(test)
    if not tests:
        raise ValueError(str(bad))
    return tests[0] if len(tests) == 1 else lambda value: any(test(value) for test in tests)


def _text_test(key: str) -> Test:
    if "*" not in key and "?" not in key:
        return key.__eq__
    pattern = _wildcard_pattern(key, str)
    return lambda value: pattern.fullmatch(value) is not None


def _wildcard_pattern(key: str, prepare: Callable[[str], str]) -> re.Pattern[str]:
    """Compile a key: `*` any run, `?` one character. Each run between stars takes its first place for good."""
    if len(key) > _LONGEST_PATTERN:
        raise ValueError("longer than any value")
    runs = [
        "".join("." if part == "?" else re.escape(prepare(part)) for part in re.split(r"(\?)", run))
        for run in re.split(r"\*+", key)
    ]
    if len(runs) == 1:
        return re.compile(runs[0], re.DOTALL)
    middle = "".join(f"(?>.*?{run})" for run in runs[1:-1])
    return re.compile(f"{runs[0]}{middle}.*{runs[-1]}", re.DOTALL)


def name_prefix(key: str) -> str:
    """Return what `name_index` of every name that a key finds begins with; "" when that may be anything."""
    group = "^".join(components(key.partition("=")[0]))
    literal, wildcard, _ = re.split(r"([*?])", group, maxsplit=1) if is_wildcard("PN", group) else (group, "", "")
    if not wildcard:
        return "^".join(map(fold, literal.split("^")))
    return fold(literal).rstrip("^")  # empty components at the end of a name are not there


def _name_test(key: str) -> Test | None:
    groups = ["^".join(components(group)) for group in key.rstrip("= ").split("=")]
    if groups == ["*"]:
        return None  # `*^^` and `*=`: what is empty at the end is not there
    asked = [(index, _group_test(group)) for index, group in enumerate(groups) if group]
    if not asked:
        return None  # delimiters only

    def test(value: str) -> bool:
        names = name_groups(value)
        return all(index < len(names) and bool(names[index]) and matches(names[index]) for index, matches in asked)

    return test


def _group_test(group: str) -> Test:
    if "*" not in group and "?" not in group:
        return "^".join(map(fold, group.split("^"))).__eq__
    pattern = _wildcard_pattern(group, fold)
    delimiters = group.count("^")

    def test(name: str) -> bool:  # SMITH^* also finds SMITH: an empty given name is not significant
        return pattern.fullmatch(name + "^" * (delimiters - name.count("^"))) is not None

    return test


def _number(text: str) -> float | None:
    return float(text) if _NUMBER.fullmatch(text) else None


def _number_test(key: str) -> Test:
    number = _number(key)
    if number is None:
        raise ValueError("not a number")
    return lambda value: _number(value) == number


def _period_test(vr: str, key: str) -> Test:
    period, parse = parse_period(vr, key), PARSERS[vr]

    def test(value: str) -> bool:
        try:
            return period.holds(parse(value))
        except ValueError:
            return False  # what the item holds is no date: it can only be found without this key

    return test


_MAKERS: Final[dict[str, Callable[[str], Test | None]]] = {
    "PN": _name_test,
    "DA": lambda key: _period_test("DA", key),
    "TM": lambda key: _period_test("TM", key),
    "DS": _number_test,
    "IS": _number_test,
    "US": _number_test,
}
