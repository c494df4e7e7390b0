"""Which tooth a code in an image names: SNOMED CT as today, as before 2021 and as SNOMED RT, or a tooth number itself.

PS3.16 CID 4018, 4019 and 4025; the older ids are those that pydicom's SNOMED mapping knows (a test holds them to it).
Lists are in the order of the Universal numbers: 1 to 32, then A to T.
"""

from typing import Final, NamedTuple

from dicom_gateway.core.model import Code
from dicom_gateway.core.teeth import FDI_TEETH, parse_teeth, tooth_code
from dicom_gateway.errors import InvalidValue


class CodedTooth(NamedTuple):
    """A tooth by its FDI number, or a supernumerary one by that of the tooth that it stands beside."""

    fdi: str
    supernumerary: bool = False


_PERMANENT: Final = parse_teeth(map(str, range(1, 33)), "universal")
_DECIDUOUS: Final = parse_teeth("ABCDEFGHIJKLMNOPQRST", "universal")
_DECIDUOUS_BY_SNOMED_RT: Final = [f"{quadrant}{position}" for quadrant in "5687" for position in range(1, 6)]
# Concepts that SNOMED CT has replaced since, permanent teeth; those that it kept are tooth_code's.
_BEFORE_2021: Final = (
    "68085002 7121006 5140004 36492000 57826002 80647007 11712009 22120004 "
    "31982000 25748002 72876007 61897005 23226009 23427002 66303006 87704003 "
    "74344005 48402004 89625000 24573005 2400006 39844006 77130001 113278005 "
    "15422005 82628004 47055002 80140008 8873007 28480000 40005008 38994002"
).split()
_SECOND_IDS: Final = {
    "T-54272": "12",
    "T-54282": "11",
    "T-54292": "21",
    "T-54302": "22",
    "T-54432": "32",
    "T-54442": "31",
    "T-54452": "41",
    "T-54462": "42",
}
# SNOMED CT: the digits before and after the 00012410 that all have in the middle
_SUPERNUMERARY: Final = (
    "2531-7 2631-6 2591-6 2561-3 2671-9 2601-3 2571-5 2551-0 2541-2 2651-4 2611-0 2641-1 2681-7 2661-2 2621-8 2581-8 "
    "2391-2 2371-3 2431-8 2471-6 2451-1 2441-3 2381-0 2481-9 2511-1 2521-9 2501-4 2461-4 2421-5 2491-7 2401-0 2411-2 "
    "2341-6 2321-4 2291-8 2281-5 2301-9 2351-8 2271-7 2361-5 2331-1 2311-7 "
    "2241-4 2181-2 2211-3 2171-0 2261-0 2191-4 2201-1 2221-6 2231-9 2251-2"
).split()
_SUPERNUMERARY_BY_SNOMED_RT: Final = (
    "058 059 05A 05B 05C 05D 05E 05F 06B 06C 06D 06E 06F 071 073 087 "
    "088 089 08A 08B 08C 08D 08E 08F 090 09F 0A8 0A9 0AA 0AB 0AC 0AD "
    "0AE 0AF 0B4 0B6 0B7 0B8 0B9 0BA 0BB 0BC 0C9 0C8 0C7 0C6 0C5 0C4 0C3 0BF 0BE 0BD"
).split()


def _snomed() -> dict[str, CodedTooth]:
    found = {tooth_code(fdi).value: CodedTooth(fdi) for fdi in FDI_TEETH}
    found |= {value: CodedTooth(fdi) for value, fdi in zip(_BEFORE_2021, _PERMANENT, strict=True)}
    found |= {f"T-{54210 + 10 * n}": CodedTooth(fdi) for n, fdi in enumerate(_PERMANENT)}
    found |= {f"T-{54610 + 10 * n}": CodedTooth(fdi) for n, fdi in enumerate(_DECIDUOUS_BY_SNOMED_RT)}
    found |= {value: CodedTooth(fdi) for value, fdi in _SECOND_IDS.items()}
    everybody = _PERMANENT + _DECIDUOUS
    for fdi, value, old in zip(everybody, _SUPERNUMERARY, _SUPERNUMERARY_BY_SNOMED_RT, strict=True):
        found[value.replace("-", "00012410")] = CodedTooth(fdi, True)
        found[f"D4-51{old}"] = CodedTooth(fdi, True)
    return found


_SNOMED: Final = _snomed()
_SNOMED_SCHEMES: Final = frozenset({"SCT", "SRT", "SNM3", "99SDM"})  # one may stand where another is meant
# Scheme designators under which a code value is the number of a tooth, without punctuation and a leading 99
_NUMBERING: Final = {
    "ISO3950": "fdi",
    "ISO39501984": "fdi",
    "FDI": "fdi",
    "UNIVERSAL": "universal",
    "ADAUNIVERSAL": "universal",
}


def coded_tooth(code: Code) -> CodedTooth | None:
    """Return the tooth that a code names, or None: an image's anatomy is often something else."""
    if code.scheme in _SNOMED_SCHEMES:
        return _SNOMED.get(code.value)
    scheme = "".join(filter(str.isalnum, code.scheme.upper())).removeprefix("99")
    system = _NUMBERING.get(scheme)
    if system is None:
        return None
    try:
        return CodedTooth(parse_teeth([code.value], system)[0])
    except InvalidValue:
        return None
