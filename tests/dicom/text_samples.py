"""Names in each character set of PS3.3 C.12.1.1.2, the bytes written by hand: some are the examples of PS3.5 H to K."""

from typing import NamedTuple

import pytest


class Sample(NamedTuple):
    """A name, SpecificCharacterSet as it is sent, and the name's bytes in it."""

    terms: str
    name: str
    encoded: bytes


SAMPLES = {
    "ASCII": Sample("", "Doe^Rex", b"Doe^Rex"),
    "Latin-1": Sample("ISO_IR 100", "Buc^Jérôme", b"Buc^J\xe9r\xf4me"),
    "Latin-2": Sample("ISO_IR 101", "Łukasz^Żak", b"\xa3ukasz^\xafak"),
    "Latin-3": Sample("ISO_IR 109", "Ĉapo^Ĝis", b"\xc6apo^\xd8is"),
    "Latin-4": Sample("ISO_IR 110", "Āboliņš^Ķirsis", b"\xc0boli\xf1\xb9^\xd3irsis"),
    "Latin-5": Sample("ISO_IR 148", "Çavuşoğlu", b"\xc7avu\xfeo\xf0lu"),
    "Latin-9": Sample("ISO_IR 203", "Œuvre^Šimon", b"\xbcuvre^\xa6imon"),
    "Cyrillic": Sample("ISO_IR 144", "Люксембург", b"\xbb\xee\xda\xe1\xd5\xdc\xd1\xe3\xe0\xd3"),
    "Arabic": Sample("ISO_IR 127", "قباني^لنزار", b"\xe2\xc8\xc7\xe6\xea^\xe4\xe6\xd2\xc7\xd1"),
    "Greek": Sample("ISO_IR 126", "Διονυσιος", b"\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2"),
    "Hebrew": Sample("ISO_IR 138", "שרון^דבורה", b"\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4"),
    "Thai": Sample("ISO_IR 166", "นามสกุล", b"\xb9\xd2\xc1\xca\xa1\xd8\xc5"),
    "Katakana": Sample("ISO_IR 13", "ﾔﾏﾀﾞ^ﾀﾛｳ", b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3"),
    "Japanese": Sample(
        "\\ISO 2022 IR 87",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
    ),
    "Japanese after katakana": Sample(
        "ISO 2022 IR 13\\ISO 2022 IR 87",
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
        b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
    ),
    "Japanese with delimiters as bytes": Sample(
        "\\ISO 2022 IR 87",
        "Ide^Haru=出^春表",  # 出 and 春 begin with the byte of "=", 表 is I=, "ソ" would hold a backslash
        b"Ide^Haru=\x1b$B=P\x1b(B^\x1b$B=UI=\x1b(B",
    ),
    "Japanese, supplementary": Sample(
        "\\ISO 2022 IR 87\\ISO 2022 IR 159",
        "Mori=森^鷗外",
        b"Mori=\x1b$B?9\x1b(B^\x1b$(Dl?\x1b$B30\x1b(B",
    ),
    "Korean": Sample(
        "\\ISO 2022 IR 149",
        "Hong^Gildong=洪^吉洞=홍^길동",
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
    ),
    "Chinese by code extension": Sample(
        "\\ISO 2022 IR 58",
        "Zhang^XiaoDong=张^小东",
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab",
    ),
    "GB18030": Sample("GB18030", "Wang^XiaoDong=王^小东", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab"),
    "GBK": Sample("GBK", "Wang^XiaoDong=王^小東", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\x96|"),
    "UTF-8": Sample(
        "ISO_IR 192",
        "Wang^XiaoDong=王^小東",
        b"Wang^XiaoDong=\xe7\x8e\x8b^\xe5\xb0\x8f\xe6\x9d\xb1",
    ),
    "Latin-1 and Cyrillic": Sample(
        "ISO 2022 IR 100\\ISO 2022 IR 144",
        "Müller^Люк^é",
        b"M\xfcller^\x1b-L\xbb\xee\xda\x1b-A^\xe9",
    ),
}
EACH = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
