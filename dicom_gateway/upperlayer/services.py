"""Which service answers a message: the presentation context decides (PS3.7 9, 10).

pynetdicom takes the service from the SOP class that a command names, so that a C-STORE which names Verification is
answered as a C-ECHO, and aborts or says nothing where it finds none. Here an operation that its context does not have
gets 0x0211; all else goes to pynetdicom's service classes, whose handlers compare the command with the context.
"""

from typing import Any

from pynetdicom.dimse_primitives import C_ECHO, C_FIND, C_STORE, N_CREATE, N_GET, N_SET, DIMSEPrimitive
from pynetdicom.presentation import PresentationContext
from pynetdicom.service_class import (
    BasicWorklistManagementServiceClass,
    ServiceClass,
    StorageServiceClass,
    VerificationServiceClass,
)
from pynetdicom.service_class_n import ProcedureStepServiceClass
from pynetdicom.sop_class import uid_to_service_class

UNRECOGNIZED_OPERATION = 0x0211
UNABLE_TO_PROCESS = 0xC000
OPERATIONS: dict[type[ServiceClass], tuple[type[DIMSEPrimitive], ...]] = {
    VerificationServiceClass: (C_ECHO,),
    BasicWorklistManagementServiceClass: (C_FIND,),
    ProcedureStepServiceClass: (N_CREATE, N_SET, N_GET),
    StorageServiceClass: (C_STORE,),
}


def answer(association: Any, request: DIMSEPrimitive, context: PresentationContext, context_id: int) -> None:
    """Answer a request. A C-STORE always goes to its handler, which keeps what it refuses."""
    kind = StorageServiceClass if isinstance(request, C_STORE) else uid_to_service_class(str(context.abstract_syntax))
    if not isinstance(request, OPERATIONS.get(kind, ())):
        association.dimse.send_msg(_refusal(request, UNRECOGNIZED_OPERATION), context_id)
    elif isinstance(request, C_FIND) and not (request.Identifier and request.Identifier.getvalue()):
        # pynetdicom says 0xC312 here, which PS3.4 K.4.1.1.4 does not know.
        association.dimse.send_msg(_refusal(request, UNABLE_TO_PROCESS), context_id)
    else:
        kind(association).SCP(request, context)


def _refusal(request: DIMSEPrimitive, status: int) -> DIMSEPrimitive:
    refusal = type(request)()
    refusal.MessageIDBeingRespondedTo = request.MessageID
    refusal.Status = status
    return refusal
