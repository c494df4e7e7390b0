"""The gateway as the one who calls: C-ECHO (PS3.7 9.1.5)."""

from pynetdicom import AE

from dicom_gateway.dicom.contexts import VERIFICATION
from dicom_gateway.dicom.status import SUCCESS

TIMEOUT_SECONDS = 5


def echo(host: str, port: int, calling_ae_title: str, called_ae_title: str) -> bool:
    """Say whether the AE at `host`:`port` answers a C-ECHO."""
    ae = AE(calling_ae_title)
    ae.add_requested_context(VERIFICATION)
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = ae.connection_timeout = TIMEOUT_SECONDS
    association = ae.associate(host, port, ae_title=called_ae_title)
    if not association.is_established:
        return False
    answer = association.send_c_echo()
    association.release()
    return "Status" in answer and answer.Status == SUCCESS
