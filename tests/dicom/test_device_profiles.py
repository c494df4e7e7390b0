"""What the profile of a device means on its associations: services, limits, and that a change needs no restart."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydicom import Dataset

from dicom_gateway.core.devices import Device, Devices, Service
from dicom_gateway.dicom.contexts import MPPS, MPPS_RETRIEVE, VERIFICATION, WORKLIST_FIND
from dicom_gateway.storage.audit import Actor
from dicom_gateway.storage.device_book import DeviceBook
from dicom_gateway.storage.devices import DeviceStore
from dicom_gateway.upperlayer.limits import Limits
from tests.dicom import wire
from tests.dicom.conftest import Serve
from tests.dicom.objects import DX_IMAGE, image, keys, performed
from tests.dicom.running import Running, wait_for
from tests.dicom.wire import EXPLICIT, Association
from tests.peers import dcmtk

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
NOT_SUPPORTED = "1.2.840.10008.5.1.4.1.2.2.1"  # query/retrieve
USER_REJECTION, ABSTRACT_SYNTAX_NOT_SUPPORTED = 1, 3
PROPOSED = (VERIFICATION, WORKLIST_FIND, MPPS, MPPS_RETRIEVE, DX_IMAGE, CT_IMAGE, NOT_SUPPORTED)
ALL = frozenset(Service)


def opened(gateway: Running, calling: str = "DX1", proposed: Sequence[str] = PROPOSED) -> Association:
    """Associate with these abstract syntaxes."""
    return gateway.associate(*((uid, (EXPLICIT,)) for uid in proposed), calling=calling)


def verify(association: Association) -> int:
    """Return the status of a C-ECHO."""
    command = {"CommandField": wire.C_ECHO, "AffectedSOPClassUID": VERIFICATION}
    return association.request(association.context(VERIFICATION), command).status


def find(association: Association) -> int:
    """Return the status of a query that finds nothing."""
    command = {"CommandField": wire.C_FIND, "AffectedSOPClassUID": WORKLIST_FIND, "Priority": 0}
    identifier = wire.encode(keys(AccessionNumber="none of that"))
    return association.request(association.context(WORKLIST_FIND), command, identifier).status


def store(association: Association, made: Dataset) -> int:
    """Return the status of a C-STORE."""
    command = {
        "CommandField": wire.C_STORE,
        "AffectedSOPClassUID": DX_IMAGE,
        "AffectedSOPInstanceUID": made.SOPInstanceUID,
        "Priority": 0,
    }
    return association.request(association.context(DX_IMAGE), command, wire.encode(made)).status


def create(association: Association) -> int:
    """Return the status of an N-CREATE."""
    command = {"CommandField": wire.N_CREATE, "AffectedSOPClassUID": MPPS, "AffectedSOPInstanceUID": "1.2.3.4.5"}
    return association.request(association.context(MPPS), command, wire.encode(performed())).status


def get(association: Association) -> int:
    """Return the status of an N-GET."""
    command = {"CommandField": wire.N_GET, "RequestedSOPClassUID": MPPS, "RequestedSOPInstanceUID": "1.2.3.4.5"}
    return association.request(association.context(MPPS_RETRIEVE), command).status


@pytest.mark.parametrize("stock", [False, True], ids=["streaming", "stock"])
@pytest.mark.parametrize(
    ("services", "results"),
    [
        pytest.param(ALL, [0, 0, 0, 0, 0, 0, 3], id="all"),
        pytest.param({Service.WORKLIST}, [0, 0, 1, 1, 1, 1, 3], id="worklist"),
        pytest.param({Service.MPPS}, [0, 1, 0, 0, 1, 1, 3], id="mpps"),
        pytest.param({Service.STORAGE}, [0, 1, 1, 1, 0, 0, 3], id="storage"),
        pytest.param({Service.WORKLIST, Service.STORAGE}, [0, 0, 1, 1, 0, 0, 3], id="two"),
        pytest.param((), [0, 1, 1, 1, 1, 1, 3], id="none"),
    ],
)
def test_a_service_that_a_device_may_not_use_is_rejected_in_its_context(
    serve: Serve, services: Sequence[Service], results: list[int], stock: bool
) -> None:
    gateway = serve(devices=(Device("DX1", services=frozenset(services), stock_association=stock), Device("US1")))
    with opened(gateway) as association:
        assert [association.results[2 * index + 1] for index in range(len(PROPOSED))] == results
        assert verify(association) == 0x0000
    with opened(gateway, "US1") as association:
        assert set(association.accepted) == {1, 3, 5, 7, 9, 11}


def test_dcmtk_is_told_that_the_user_rejects(serve: Serve, tmp_path: Path) -> None:
    gateway = serve(devices=(Device("DX1", services=frozenset({Service.STORAGE})),))
    done = dcmtk("findscu", "-d", "-W", "-aet", "DX1", "127.0.0.1", str(gateway.port), "-k", "PatientName")
    assert "User Rejection" in done.stdout + done.stderr
    assert gateway.echo("DX1")


@pytest.mark.parametrize("stock", [False, True], ids=["streaming", "stock"])
@pytest.mark.parametrize(
    ("service", "ask"),
    [
        pytest.param(Service.WORKLIST, find, id="C-FIND"),
        pytest.param(Service.STORAGE, lambda association: store(association, image()), id="C-STORE"),
        pytest.param(Service.MPPS, create, id="N-CREATE"),
        pytest.param(Service.MPPS, get, id="N-GET"),
    ],
)
def test_what_is_no_longer_allowed_is_not_authorised_on_an_open_association(
    serve: Serve, service: Service, ask: Callable[[Association], int], stock: bool
) -> None:
    gateway = serve(devices=(Device("DX1", stock_association=stock),))
    with opened(gateway) as association:
        gateway.devices = Devices([Device("DX1", services=ALL - {service}, stock_association=stock)], False)
        with opened(gateway) as later:
            assert USER_REJECTION in later.results.values()
        assert ask(association) == 0x0124
        assert verify(association) == 0x0000
        gateway.devices = Devices([Device("DX1", stock_association=stock)], False)
        opened(gateway).close()
        assert ask(association) != 0x0124
    assert gateway.files("quarantine") == set()
    assert len(gateway.files()) == (service is Service.STORAGE)


@pytest.mark.parametrize(
    ("own", "general", "most"),
    [
        pytest.param(None, 3, 3, id="as for all"),
        pytest.param(1, 3, 1, id="fewer"),
        pytest.param(5, 3, 5, id="more"),
        pytest.param(50, 3, 7, id="not more than all together"),
    ],
)
def test_a_device_has_its_own_limit_of_associations(serve: Serve, own: int | None, general: int, most: int) -> None:
    limits = Limits(associations=7, associations_per_device=general)
    gateway = serve(devices=(Device("DX1", associations=own), Device("US1")), limits=limits)
    with ExitStack() as stack:
        made = [stack.enter_context(opened(gateway)) for _ in range(8)]
        assert [one.rejected for one in made] == [None] * most + [(2, 3, 2)] * (8 - most)
    wait_for(lambda: gateway.service.open_associations() == 0, "all are gone")
    with ExitStack() as stack:
        made = [stack.enter_context(opened(gateway, "US1")) for _ in range(general)]
        assert [one.rejected for one in made] == [None] * general


def large() -> Dataset:
    """Return an image of a bit more than a megabyte."""
    return image(Rows=1024, Columns=512, PixelData=bytes(1 << 20))


@pytest.mark.parametrize(
    ("own", "limits", "is_kept"),
    [
        pytest.param(1, Limits(), False, id="smaller"),
        pytest.param(2, Limits(), True, id="large enough"),
        pytest.param(2, Limits(object_bytes=1000), True, id="larger than for all"),
        pytest.param(2, Limits(object_bytes_of={DX_IMAGE: 1000}), True, id="larger than for its class"),
        pytest.param(None, Limits(object_bytes=1000), False, id="as for all"),
    ],
)
def test_a_device_has_its_own_largest_object(serve: Serve, own: int | None, limits: Limits, is_kept: bool) -> None:
    gateway = serve(devices=(Device("DX1", object_mb=own),), limits=limits)
    with opened(gateway) as association:
        if is_kept:
            assert store(association, large()) == 0x0000
        else:
            with pytest.raises(OSError, match=r"PDU of type 7|reset|Broken pipe"):
                store(association, large())
    wait_for(lambda: len(gateway.files()) == is_kept, "what is kept")
    assert gateway.files("spool") == set()


def test_a_step_of_one_device_is_answered_with_its_station_name(serve: Serve) -> None:
    gateway = serve(devices=(Device("DX1", modalities=("DX",), station_names=("Room 2", "Room 3")), Device("US1")))
    order = gateway.add_order(station_ae_titles=[])
    found = gateway.find(keys(order, ScheduledStationName="Room 2"))
    assert [one.ScheduledProcedureStepSequence[0].ScheduledStationName for one in found.answers] == ["Room 2"]


def test_who_was_refused_is_recorded_with_what_was_proposed(serve: Serve) -> None:
    gateway = serve(devices=(Device("DX1"),))
    opened(gateway, "NEW", (WORKLIST_FIND, DX_IMAGE, "1.2.3.4", DX_IMAGE)).close()
    wait_for(gateway.unknown_devices.all, "the attempt is recorded")
    (row,) = gateway.unknown_devices.all()
    assert (row["reason"], row["called_ae_title"], row["tls"]) == ("unknown device", "DCMGATEWAY", False)
    assert row["proposed"] == [
        "Modality Worklist Information Model - FIND",
        "Digital X-Ray Image Storage - For Presentation",
        "1.2.3.4",
    ]


def test_a_device_that_is_added_is_served_at_once_and_refused_once_it_is_removed(serve: Serve) -> None:
    gateway = serve(devices=())
    devices = DeviceStore(gateway.database, gateway.settings.clock)
    book, actor = DeviceBook(devices, accept_unknown=False), Actor("test")
    gateway.current_devices = book.current
    assert opened(gateway, "NEW").rejected == (1, 1, 3)
    devices.add(Device("NEW", services=frozenset({Service.STORAGE})), actor)
    with opened(gateway, "NEW") as association:
        assert association.rejected is None
        assert store(association, image()) == 0x0000
        devices.remove("NEW", actor)
        assert opened(gateway, "NEW").rejected == (1, 1, 3)
        assert store(association, image()) == 0x0000  # an association that is open goes on
