"""`python -m tests.upperlayer.fuzz_units [options of libFuzzer]`: random bytes in random pieces, by atheris.

Optional: atheris is no dependency of this project (install it in an environment of its own). The first bytes of an
input say where the rest is cut; what comes of it must be what the walk over the whole bytes of test_units.py gives, and
every command set in it must be understood or refused.
"""

import sys

import atheris  # type: ignore[import-untyped, import-not-found, unused-ignore]  # optional

with atheris.instrument_imports(include=["dicom_gateway.upperlayer.units", "dicom_gateway.upperlayer.commands"]):
    from dicom_gateway.upperlayer import commands
    from dicom_gateway.upperlayer.units import BUFFER_BYTES, InvalidUnit
from tests.upperlayer.test_units import REQUEST_BYTES, joined, read, walk

CUTS = 8


def one_input(data: bytes) -> None:
    """Check one input."""
    head, stream = data[: CUTS + 1], data[CUTS + 1 :]
    if len(head) <= CUTS:
        return
    edges = [sum(head[: n + 1]) for n in range(CUTS)]
    buffer = BUFFER_BYTES if head[CUTS] & 1 else REQUEST_BYTES + 6 + head[CUTS]
    found = joined(read(stream, edges, buffer))
    assert found == joined(walk(stream)), (stream, edges)
    for one in found:
        if len(one) == 4 and one[1] and isinstance(one[3], bytes):
            try:
                commands.parse(one[3])
            except InvalidUnit:
                continue


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
