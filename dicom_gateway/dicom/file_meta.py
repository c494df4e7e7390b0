"""What stands before the data set in a stored file: a preamble of zeros and the file meta information (PS3.10 7.1).

The preamble is always ours: what a device sends in one may be a program.
"""

import struct

from dicom_gateway import __version__

IMPLEMENTATION_CLASS_UID = "2.25.181683472040688128035681700246093224652"
IMPLEMENTATION_VERSION_NAME = f"DCMGATEWAY_{__version__.replace('.', '')}"[:16]
PREAMBLE = bytes(128) + b"DICM"


def file_head(sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str, source_ae_title: str) -> bytes:
    """Return preamble, prefix and file meta information as bytes (explicit VR little endian)."""
    group = struct.pack("<HH2sHI", 2, 1, b"OB", 0, 2) + b"\x00\x01"
    for element, vr, value in (
        (0x0002, b"UI", sop_class_uid),
        (0x0003, b"UI", sop_instance_uid),
        (0x0010, b"UI", transfer_syntax_uid),
        (0x0012, b"UI", IMPLEMENTATION_CLASS_UID),
        (0x0013, b"SH", IMPLEMENTATION_VERSION_NAME),
        (0x0016, b"AE", source_ae_title),
    ):
        data = value.encode("ascii", "replace")
        data += (b"\x00" if vr == b"UI" else b" ") * (len(data) % 2)
        group += struct.pack("<HH2sH", 2, element, vr, len(data)) + data
    return PREAMBLE + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(group)) + group
