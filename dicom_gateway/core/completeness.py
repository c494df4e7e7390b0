"""How many images a procedure makes, by its code, and which of those that came count.

Templates are advice: they speak where the order names no number, and never keep a study open. A practice changes or
adds them in gateway.toml. They name codes and our own short labels. What does not count as an image of the procedure:
what a Key Object Selection rejects (PS3.16 CID 7010, IHE IOCM), quality control images (PS3.3 C.7.6.1), raw exposures
beside the processed ones (C.8.11.1, Presentation Intent Type), derived images beside their source (C.7.6.1.1.3), and
objects without pixels.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from dicom_gateway.core.model import InstanceHeader, RequestedProcedure, ScheduledStep
from dicom_gateway.core.status import OPEN, StepStatus

NOT_EXPECTED: Final = (StepStatus.CANCELED, StepStatus.DISCONTINUED)


@dataclass(frozen=True, slots=True)
class Template:
    """How many `images` a procedure of `code` makes at least; 0: as many as it takes."""

    code: str
    images: int
    label: str


TEMPLATES: Final = (
    Template("D0210", 0, "full mouth series"),
    Template("D0220", 1, "periapical"),
    Template("D0230", 1, "periapical"),
    Template("D0270", 1, "bitewing"),
    Template("D0272", 2, "bitewings"),
    Template("D0273", 3, "bitewings"),
    Template("D0274", 4, "bitewings"),
    Template("D0277", 7, "vertical bitewings"),
    Template("D0330", 1, "panoramic"),
    Template("D0340", 1, "cephalometric"),
    *(Template(f"D036{last}", 1, "CBCT volume") for last in "45678"),
)


@dataclass(frozen=True, slots=True)
class Expected:
    """How many images are expected, and who says so: "order", or "template" with its code and label."""

    images: int
    origin: str
    label: str = ""


ORDER, TEMPLATE = "order", "template"


class Templates:
    """The templates of a practice: ours, then its own, by code."""

    def __init__(self, own: Iterable[Template] = ()) -> None:
        self._by_code: Mapping[str, Template] = {template.code: template for template in (*TEMPLATES, *own)}

    def expected(self, procedure: RequestedProcedure, step_ids: Sequence[str] = ()) -> Expected | None:
        """Return how many images the steps of a procedure that have begun make, or some of them (before the first has
        begun: all that may); None when nobody says for one of them."""
        steps = [step for step in procedure.steps if step.status not in NOT_EXPECTED]
        begun = [step for step in steps if step.status not in OPEN] or steps
        found = [self._of_step(procedure, step) for step in begun if not step_ids or step.id in step_ids]
        known = [expected for expected in found if expected is not None]
        if not known or len(known) < len(found):
            return None
        images = sum(expected.images for expected in known)
        labels = dict.fromkeys(expected.label for expected in known)
        by_order = all(expected.origin == ORDER for expected in known)
        return Expected(images, ORDER if by_order else TEMPLATE, ", ".join(filter(None, labels)))

    def _of_step(self, procedure: RequestedProcedure, step: ScheduledStep) -> Expected | None:
        """Return what the order says of a step, else the template of its protocol code; of the only step of a
        procedure also that of the procedure's code."""
        if step.expected_instances is not None:
            return Expected(step.expected_instances, ORDER)
        codes = [code.value for code in step.protocol_codes]
        if procedure.code and len(procedure.steps) == 1:
            codes.append(procedure.code.value)
        template = next((self._by_code[code] for code in codes if code in self._by_code), None)
        if template is None or not template.images:
            return None
        return Expected(template.images, TEMPLATE, f"{template.code} {template.label}".strip())


NO_OWN: Final = Templates()

FOR_PROCESSING, FOR_PRESENTATION = "FOR PROCESSING", "FOR PRESENTATION"


def counted(headers: Sequence[InstanceHeader]) -> list[InstanceHeader]:
    """Return the images of a procedure that count, in their order."""
    rejected = frozenset(uid for header in headers for uid in header.rejected_uids)
    here = frozenset(header.sop_instance_uid for header in headers) - rejected
    is_processed = any(header.presentation_intent == FOR_PRESENTATION for header in headers)
    return [
        header
        for header in headers
        if header.sop_instance_uid in here
        and header.rows
        and not header.is_quality_control
        and not (is_processed and header.presentation_intent == FOR_PROCESSING)
        and not (header.is_derived and here.intersection(header.source_uids) - {header.sop_instance_uid})
    ]


def shortfall(expected: Expected | None, received: int) -> str:
    """Return in words how far the images that count are from what is expected, "" when none are missing."""
    if expected is None or received >= expected.images:
        return ""
    return f"{received} of {expected.images} images" + (f" ({expected.label})" if expected.label else "")
