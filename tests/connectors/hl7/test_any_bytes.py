"""Whatever comes, it is a message, or refused with a reason: no other error, and always an answer."""

from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_gateway.connectors.hl7.acknowledge import acknowledge
from dicom_gateway.connectors.hl7.errors import Hl7Error
from dicom_gateway.connectors.hl7.explain import explain
from dicom_gateway.connectors.hl7.maps import SHIPPED, load_map
from tests.connectors.hl7.samples import SAMPLES, TODAY, ZONE

WHOLE = [path.read_bytes() for path in sorted(SAMPLES.glob("*.hl7"))]
BITS = st.sampled_from(
    [
        b"|",
        b"^",
        b"~",
        b"\\",
        b"&",
        b"\r",
        b"\n",
        b'""',
        b"",
        b"\xff\xfe",
        b"\x00",
        b"\xe4",
        b"20279999",
        b"\\X",
        b"PID|",
    ]
)
NOW = datetime(2027, 1, 15, tzinfo=UTC)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A message of which some pieces are replaced."""
    raw = draw(st.sampled_from(WHOLE))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(raw)))
        end = draw(st.integers(start, min(start + 40, len(raw))))
        raw = raw[:start] + draw(BITS | st.binary(max_size=8)) + raw[end:]
    return raw


@given(raw=damaged() | st.binary(max_size=200), name=st.sampled_from(SHIPPED))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=300)
def test_every_message_is_understood_or_refused_with_a_reason(raw: bytes, name: str) -> None:
    found = explain(raw, load_map(name, source="mypms"), "", ZONE, TODAY)
    assert bool(found.outcomes) is not bool(found.faults)
    for fault in found.faults:
        assert isinstance(fault, Hl7Error)
        assert fault.ack in ("AE", "AR")
        assert str(fault)
    answers = acknowledge(found.header, "1", NOW, found.faults[0] if found.faults else None)
    assert all(b"MSA" in answer and answer.count(b"\r") >= 2 for answer in answers)
