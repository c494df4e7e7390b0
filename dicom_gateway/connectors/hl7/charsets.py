"""In which character set the bytes of a message are read: BOM, else MSH-18, else the source's (HL7 table 0211).

A wrong claim is told, never an error: valid multi-byte UTF-8 under a single-byte claim is UTF-8; bytes that are no
UTF-8 under that claim, and C1 controls under ISO 8859-1, are Windows-1252.
"""

import codecs
import re
from typing import Final

UTF_8: Final = "utf-8"
WINDOWS: Final = "cp1252"
LATIN_1: Final = "iso8859-1"
# HL7 table 0211, and what senders write instead; compared without case and signs
_CODECS: Final = {
    **dict.fromkeys(("ascii", "usascii", "isoir6"), "ascii"),
    **{f"{prefix}8859{n}": f"iso8859-{n}" for prefix in ("", "iso") for n in (1, 2, 3, 4, 5, 6, 7, 8, 9, 15)},
    **dict.fromkeys(("isoir100", "latin1", "iso88591"), LATIN_1),
    **dict.fromkeys(("unicode", "unicodeutf8", "utf8", "isoir192"), UTF_8),
    **dict.fromkeys(("isoir14", "shiftjis"), "shift_jis"),
    "isoir87": "iso2022_jp",
    "isoir159": "iso2022_jp_1",
    **dict.fromkeys(("gb180302000", "gb18030", "gb2312", "gbk"), "gb18030"),
    **dict.fromkeys(("ksx1001", "ksc5601", "euckr"), "euc_kr"),
    "big5": "big5",
    **{
        f"{prefix}{page}": f"cp{page}" for prefix in ("cp", "windows", "win") for page in (*range(1250, 1259), 437, 850)
    },
    **dict.fromkeys(("ansi", "windows"), WINDOWS),
}
_BOMS: Final = ((codecs.BOM_UTF8, UTF_8), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_C1: Final = re.compile(rb"[\x80-\x9f]")


def codec_of(name: str) -> str:
    """Return Python's codec of a character set as HL7 or a setting names it; "" when it is unknown."""
    return _CODECS.get(re.sub(r"[^a-z0-9]", "", name.lower()), "")


def without_bom(raw: bytes) -> tuple[bytes, str]:
    """Return the bytes without their byte order mark, and the codec that it says ("" without one)."""
    for mark, codec in _BOMS:
        if raw.startswith(mark):
            return raw[len(mark) :], codec
    return raw, ""


def decode(body: bytes, marked: str, claimed: str, default: str) -> tuple[str, str, list[str]]:
    """Return (text, codec, remarks) of a message without its BOM.

    `marked` is the codec of the BOM, `claimed` MSH-18 (its first repetition), `default` the source's character set.
    """
    remarks = []
    codec = marked
    for name, where in ((claimed, "MSH-18"), (default, "the source's settings")):
        if not codec and name:
            codec = codec_of(name)
            if not codec:
                remarks.append(f"{where} names a character set that is unknown here; it is not used")
    text, used, remark = _read(body, codec)
    return text, used, remarks + ([remark] if remark else [])


def _read(body: bytes, codec: str) -> tuple[str, str, str]:
    if body.isascii() and codec in ("", "ascii"):
        return body.decode("ascii"), "ascii", ""
    as_utf_8 = _strict(body, UTF_8)
    if codec in ("", "ascii"):
        used = UTF_8 if as_utf_8 is not None else WINDOWS
        text = as_utf_8 if as_utf_8 is not None else body.decode(WINDOWS, "replace")
        return text, used, f"no character set is named for what is not ASCII; read as {used}"
    if as_utf_8 is not None and not body.isascii() and _is_single_byte(codec):
        return as_utf_8, UTF_8, f"{codec} is claimed, and this is UTF-8; read as that"
    if codec == LATIN_1 and _C1.search(body):
        return body.decode(WINDOWS, "replace"), WINDOWS, f"{codec} is claimed, and this is {WINDOWS}; read as that"
    as_claimed = _strict(body, codec)
    if as_claimed is not None:
        return as_claimed, codec, ""
    if codec == UTF_8:
        return body.decode(WINDOWS, "replace"), WINDOWS, f"UTF-8 is claimed, and this is not; read as {WINDOWS}"
    return (
        body.decode(codec, "replace"),
        codec,
        f"some bytes are not {codec}; each is replaced by \N{REPLACEMENT CHARACTER}",
    )


def _strict(body: bytes, codec: str) -> str | None:
    try:
        return body.decode(codec)
    except UnicodeDecodeError:
        return None


def _is_single_byte(codec: str) -> bool:
    return codec.startswith(("iso8859", "cp"))
