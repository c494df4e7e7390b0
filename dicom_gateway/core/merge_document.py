"""A merge of patients as JSON: what is asked for, and what was done."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field, ValidationError

from dicom_gateway.core.local_time import iso_utc
from dicom_gateway.core.order_fields import Text
from dicom_gateway.core.patient_document import Document
from dicom_gateway.core.patients import Merge
from dicom_gateway.core.refusals import refusals
from dicom_gateway.errors import InvalidDocument

_OWN_WORDS = {"extra_forbidden": "is not a field of a merge"}


class MergeDocument(Document):
    """Two ids of one patient: `survivor_id` stands for `old_id` from now on. Both are of one issuer; ids without an
    issuer are of one source."""

    old_id: Annotated[Text, Field(min_length=1)]
    survivor_id: Annotated[Text, Field(min_length=1)]
    issuer: Text = ""
    source: Text = ""


def parse_merge(document: object) -> MergeDocument:
    """Return what a decoded JSON `document` asks for; raises InvalidDocument with every field that cannot be taken."""
    try:
        return MergeDocument.model_validate(document)
    except ValidationError as error:
        raise InvalidDocument(refusals(error.errors(include_url=False), _OWN_WORDS)) from None


def merge_document(merge: Merge) -> dict[str, Any]:
    """Return a merge as the API shows it."""
    return {
        "id": merge.key,
        "kind": merge.kind.value,
        "issuer": merge.issuer or None,
        "source": merge.source or None,
        "old_id": merge.old_id,
        "survivor_id": merge.survivor_id,
        "who": merge.who,
        "at": iso_utc(merge.at),
        "undone_at": iso_utc(merge.undone_at) if merge.undone_at is not None else None,
    }


def changed_document(merge: Merge, order_ids: Sequence[str], left: Sequence[str]) -> dict[str, Any]:
    """Return a merge with the orders that changed, and those that have ended and stay with the survivor."""
    return {**merge_document(merge), "order_ids": list(order_ids), "left": list(left)}
