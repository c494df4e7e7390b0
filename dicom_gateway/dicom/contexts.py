"""Which SOP classes and transfer syntaxes are accepted, and in which preference.

PS3.4 B (storage), PS3.5 10 and annex A (transfer syntaxes). The acceptor chooses: uncompressed explicit little endian,
then implicit, then what compresses without loss, then big endian; what compresses with loss only when the device
offers nothing else. Everything is stored as received.
"""

from collections.abc import Sequence
from functools import cache

from pydicom._uid_dict import UID_dictionary
from pydicom.uid import UID
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.service_class import NonPatientObjectStorageServiceClass, ServiceClass, StorageServiceClass
from pynetdicom.sop_class import register_uid, uid_to_service_class

VERIFICATION = "1.2.840.10008.1.1"
WORKLIST_FIND = "1.2.840.10008.5.1.4.31"
MPPS = "1.2.840.10008.3.1.2.3.3"
MPPS_RETRIEVE = "1.2.840.10008.3.1.2.3.4"
SERVICES = (VERIFICATION, WORKLIST_FIND, MPPS, MPPS_RETRIEVE)

EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
UNCOMPRESSED = (EXPLICIT_LITTLE, IMPLICIT_LITTLE, EXPLICIT_BIG)
LOSSLESS = (
    "1.2.840.10008.1.2.4.70",  # JPEG lossless, first-order prediction
    "1.2.840.10008.1.2.4.57",  # JPEG lossless
    "1.2.840.10008.1.2.4.58",
    "1.2.840.10008.1.2.4.65",
    "1.2.840.10008.1.2.4.66",
    "1.2.840.10008.1.2.4.80",  # JPEG-LS lossless
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 lossless
    "1.2.840.10008.1.2.5",  # RLE
    "1.2.840.10008.1.2.4.201",  # HTJ2K lossless
    "1.2.840.10008.1.2.4.202",
    "1.2.840.10008.1.2.4.92",
    "1.2.840.10008.1.2.4.110",  # JPEG XL lossless
    "1.2.840.10008.1.2.4.111",  # JPEG XL, recompressed JPEG
    "1.2.840.10008.1.2.1.98",
)
# Not an image that can be kept: pixels elsewhere (JPIP), real-time video, other files; or deflated, which may grow
# a thousandfold and is off.
NOT_ACCEPTED = (
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.8.1",
    "1.2.840.10008.1.2.4.94",
    "1.2.840.10008.1.2.4.95",
    "1.2.840.10008.1.2.4.204",
    "1.2.840.10008.1.2.4.205",
    "1.2.840.10008.1.2.6.1",
    "1.2.840.10008.1.2.6.2",
    "1.2.840.10008.1.2.7.1",
    "1.2.840.10008.1.2.7.2",
    "1.2.840.10008.1.2.7.3",
    "1.2.840.10008.1.20",
)


@cache
def transfer_syntaxes() -> tuple[str, ...]:
    """Return the transfer syntaxes of stored objects, most preferred first."""
    known = [uid for uid, entry in UID_dictionary.items() if entry[1] == "Transfer Syntax"]
    preferred = (EXPLICIT_LITTLE, IMPLICIT_LITTLE, *LOSSLESS, EXPLICIT_BIG)
    lossy = tuple(uid for uid in known if uid not in preferred and uid not in NOT_ACCEPTED)
    return (*(uid for uid in preferred if uid in known), *lossy)


@cache
def storage_classes() -> tuple[str, ...]:
    """Return the storage SOP classes that pydicom knows, but for those that belong to no study (hanging protocols,
    colour palettes, implants, protocols) and those that are no objects (media directory, commitment)."""
    return tuple(uid for uid, entry in UID_dictionary.items() if _is_storage(uid, entry))


def _is_storage(uid: str, entry: tuple[str, ...]) -> bool:
    name, kind = entry[0], entry[1]
    if kind != "SOP Class" or "Storage" not in name or name.startswith(("Media Storage", "Storage Commitment")):
        return False
    return uid_to_service_class(uid) is not NonPatientObjectStorageServiceClass


def supported_contexts(extra_storage_classes: Sequence[str] = ()) -> list[PresentationContext]:
    """Return everything that is accepted, and make pynetdicom serve the storage classes that it does not know."""
    contexts = [build_context(uid, list(UNCOMPRESSED[:2])) for uid in SERVICES]
    for uid in dict.fromkeys((*storage_classes(), *extra_storage_classes)):
        if uid_to_service_class(uid) is ServiceClass:
            register_uid(uid, _keyword(uid), StorageServiceClass)
        contexts.append(build_context(uid, list(transfer_syntaxes())))
    return contexts


def _keyword(uid: str) -> str:
    return UID(uid).keyword or "Storage_" + uid.replace(".", "_")
