"""echo, find, store and mpps against the real gateway, DCMTK's servers, and peers that refuse, abort or are silent."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import UID, generate_uid
from pynetdicom import AE, evt

from dicom_gateway.dicom.contexts import storage_classes, transfer_syntaxes
from dicom_gateway.dicom.file_meta import IMPLEMENTATION_VERSION_NAME
from dicom_gateway.dicom.scu_values import as_values
from tests.cli.tools import (
    DX,
    RLE,
    answer,
    data_set_bytes,
    dcmtk_server,
    run,
    said,
    silent_server,
    write_object,
)
from tests.e2e.images import order_body, write_image
from tests.e2e.program import Program, free_port
from tests.peers import dcmtk

STEP = "ScheduledProcedureStepSequence"


@pytest.fixture(scope="module")
def order(gateway: Program) -> dict[str, Any]:
    """An order for DX1, in the gateway."""
    body = order_body()
    body["patient"]["name"] = "Döe^Rex"  # type: ignore[index]
    return json.loads(said(gateway, "orders", "add", text=json.dumps(body)))  # type: ignore[no-any-return]


@pytest.fixture
def peer(gateway: Program) -> tuple[str, str]:
    """HOST and PORT of the gateway."""
    return "127.0.0.1", str(gateway.dicom_port)


def test_echo(gateway: Program, peer: tuple[str, str]) -> None:
    assert "0x0000 Success" in said(gateway, "echo", *peer)
    assert answer(gateway, "echo", *peer)["status"] == "0000"
    done = gateway.run("echo", "-v", "-aet", "DX1", "-aec", "ANYBODY", *peer)
    accepted = f"association accepted (software {IMPLEMENTATION_VERSION_NAME}), "
    for step in ("calling ANYBODY", "as DX1", accepted, "C-ECHO: 0x0000 Success", "releasing"):
        assert step in done.stderr
    assert "A-ASSOCIATE" in gateway.run("echo", "-d", *peer).stderr


def test_no_association_has_its_own_exit_code_and_reason(gateway: Program) -> None:
    # Processes of their own: pynetdicom leaves a socket that was refused or closed to the garbage collector.
    refused = gateway.run("echo", "localhost", str(free_port()), check=False)
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "connection refused" in refused.stderr
    with silent_server(answers=True) as port:
        closed = gateway.run("echo", "127.0.0.1", str(port), check=False)
    assert closed.returncode == 3
    assert "closed the connection" in closed.stderr
    assert "no such host" in said(gateway, "echo", "nobody.invalid", "104", code=3)
    with silent_server() as port:
        assert "did not answer" in said(gateway, "echo", "-to", "0.5", "127.0.0.1", str(port), code=3)
    with dcmtk_server("storescp", "--refuse") as port:
        text = said(gateway, "echo", "-aec", "PACS", "127.0.0.1", str(port), code=3)
        assert "PACS" in text
        assert "rejected the association" in text


def test_a_rejection_says_which_name_was_wrong(tmp_path: Path) -> None:
    settings = '[[device]]\nae_title = "DX1"\n'
    strict = {"DICOM_GATEWAY_DICOM__UNKNOWN_DEVICES": "refuse", "DICOM_GATEWAY_DICOM__CHECK_CALLED_AE_TITLE": "true"}
    running = Program(tmp_path, settings, strict)
    try:
        running.start()
        port = str(running.dicom_port)
        text = said(running, "echo", "-aet", "STRANGER", "-aec", "DCMGATEWAY", "127.0.0.1", port, code=3)
        assert "calling AE title not recognised" in text
        assert "called AE title not recognised" in said(running, "echo", "-aet", "DX1", "127.0.0.1", port, code=3)
        assert "Success" in said(running, "echo", "-aet", "DX1", "-aec", "DCMGATEWAY", "127.0.0.1", port)
    finally:
        running.end()


@pytest.mark.parametrize(
    "arguments",
    [
        ["echo", "127.0.0.1"],
        ["echo", "127.0.0.1", "0"],
        ["echo", "-aet", "A" * 17, "127.0.0.1", "104"],
        ["echo", "-aec", "A\\B", "127.0.0.1", "104"],
        ["find", "-W", "-k", "Nonsense=1", "127.0.0.1", "104"],
        ["store", "127.0.0.1", "104", "/nothing/there"],
        ["mpps", "set", "127.0.0.1", "104", "1.2.3"],
        ["mpps", "discontinue", "127.0.0.1", "104", "1.2.3", "--reason", "5"],
        ["mpps", "complete", "127.0.0.1", "104", "1.2.x"],
        ["mpps", "complete", "127.0.0.1", "104", "1.2", "--image", "1.2:x"],
    ],
    ids=lambda arguments: " ".join(arguments)[:40],
)
def test_wrong_usage_is_told_before_anybody_is_called(gateway: Program, arguments: list[str]) -> None:
    assert said(gateway, *arguments, code=2)


def found_by_dcmtk(folder: Path, port: int, keys: list[str], calling: str = "DX1") -> list[dict[str, Any]]:
    """Return the answers that findscu gets, as files that it writes."""
    folder.mkdir()
    arguments = [part for key in keys for part in ("-k", key)]
    done = dcmtk("findscu", "-W", "-X", "-od", str(folder), "-aet", calling, *arguments, "127.0.0.1", str(port))
    assert done.returncode == 0, done.stderr
    return [as_values(dcmread(path)) for path in sorted(folder.iterdir())]


KEYS = {
    "wildcard": ["PatientName=D*", "PatientID", f"{STEP}[0].Modality=DX", "0008,0005=ISO_IR 192"],
    "tags": ["0010,0010", "(0040,0100)[0].(0040,0001)=DX1", "(0040,0100)[0].(0040,0002)=20261101-20261130"],
    "whole sequence": ["PatientName", STEP, "RequestedProcedureCodeSequence"],
    "nothing found": ["PatientName=NOBODY"],
}


@pytest.mark.parametrize("keys", KEYS.values(), ids=KEYS)
def test_find_gets_what_findscu_gets(
    gateway: Program, peer: tuple[str, str], order: dict[str, Any], keys: list[str], tmp_path: Path
) -> None:
    expected = found_by_dcmtk(tmp_path / "found", gateway.dicom_port, keys)
    arguments = [part for key in keys for part in ("-k", key)]
    found = answer(gateway, "find", "-W", "-aet", "DX1", *arguments, *peer)
    assert found == expected
    assert [one["PatientName"] for one in found] == ([] if "NOBODY" in keys[0] else ["Döe^Rex"])


def test_find_asks_for_the_usual_attributes_and_prints_them(
    gateway: Program, peer: tuple[str, str], order: dict[str, Any]
) -> None:
    text = said(gateway, "find", "-W", *peer)
    assert "PatientName                                Döe^Rex" in text
    assert order["procedures"][0]["study_instance_uid"] in text
    asked = run(gateway, "find", "-W", "-k", "PatientName=Döe*", *peer)
    assert "1 answer\n" in asked.stderr


def test_find_says_which_keys_went_nowhere(gateway: Program, peer: tuple[str, str], order: dict[str, Any]) -> None:
    keys = ["PatientName", "Modality=DX", "0040,0001=DX1", "ContrastBolusAgent", f"{STEP}[0].Modality"]
    done = run(gateway, "find", "-W", *(part for key in keys for part in ("-k", key)), *peer)
    assert done.returncode == 0
    assert done.stderr.splitlines()[:-1] == [
        f"Modality belongs in {STEP}[0]",
        f"ScheduledStationAETitle belongs in {STEP}[0]",
        "the peer does not support all of these keys (FF01)",
    ]
    right = run(gateway, "find", "-W", "-k", "StudyInstanceUID", "-k", f"{STEP}[0].Modality=DX", *peer)
    assert right.stderr == "1 answer\n"


@pytest.mark.parametrize("command", ["store", "commit", "mpps"])
def test_a_folder_without_dicom_files_is_named(gateway: Program, tmp_path: Path, command: str) -> None:
    empty = tmp_path / "EMPTYDIR"
    empty.mkdir()
    arguments = {
        "store": ["store", "127.0.0.1", "104", str(empty)],
        "commit": ["commit", "127.0.0.1", "104", str(empty)],
        "mpps": ["mpps", "complete", "127.0.0.1", "104", "1.2", "--image", str(empty)],
    }[command]
    assert said(gateway, *arguments, code=2) == f"{empty}: there is no DICOM file in it\n"


def test_find_in_the_worklist_of_dcmtk(gateway: Program, tmp_path: Path) -> None:
    worklist = tmp_path / "WL"
    worklist.mkdir()
    (worklist / "lockfile").touch()
    made = write_object(worklist / "one.wl", StudyInstanceUID="1.2.3.9", AccessionNumber="7")
    step = Dataset()
    step.ScheduledStationAETitle, step.Modality = "DX1", "DX"
    step.ScheduledProcedureStepStartDate, step.ScheduledProcedureStepStartTime = "20261123", "1015"
    made.ScheduledProcedureStepSequence = [step]
    made.save_as(worklist / "one.wl", enforce_file_format=True)
    with dcmtk_server("wlmscpfs", "-dfp", str(tmp_path), "--disable-file-reject") as port:
        keys = ["PatientName", "AccessionNumber=7", f"{STEP}[0].Modality=DX"]
        arguments = [part for key in keys for part in ("-k", key)]
        found = answer(gateway, "find", "-W", "-aec", "WL", *arguments, "127.0.0.1", str(port))
        assert [one["AccessionNumber"] for one in found] == ["7"]


def test_a_peer_without_a_worklist_is_told_apart_from_no_peer(gateway: Program) -> None:
    with dcmtk_server("storescp", "--ignore") as port:
        text = said(gateway, "find", "-W", "127.0.0.1", str(port), code=1)
    assert "Modality Worklist" in text
    assert "not supported" in text


def test_store_sends_the_bytes_of_a_folder_and_names_what_is_not_taken(gateway: Program, tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    target.mkdir()
    plain = write_object(source / "a" / "plain.dcm")
    implicit = write_object(source / "b" / "implicit", syntax="1.2.840.10008.1.2")
    write_object(source / "packed.dcm", syntax=RLE)
    (source / "notes.txt").write_text("not an image")
    with dcmtk_server("storescp", "+B", "+uf", "-od", str(target)) as port:
        done = run(gateway, "store", "127.0.0.1", str(port), str(source))
    assert done.returncode == 1
    assert done.stdout == "2 stored, 1 not\n"
    assert "packed.dcm: not sent: the peer does not take" in done.stderr
    assert "RLE Lossless" in done.stderr
    assert "notes.txt" not in done.stderr
    sent = {
        made.SOPInstanceUID: made.filename for made in map(dcmread, [source / "a/plain.dcm", source / "b/implicit"])
    }
    assert sent.keys() == {plain.SOPInstanceUID, implicit.SOPInstanceUID}
    received = {dcmread(path).SOPInstanceUID: path for path in target.iterdir()}
    assert received.keys() == sent.keys()
    for uid, path in received.items():
        assert data_set_bytes(path) == data_set_bytes(Path(sent[uid]))


def test_store_needs_several_associations_for_more_than_128_kinds(
    gateway: Program, peer: tuple[str, str], tmp_path: Path
) -> None:
    kinds = [(sop_class, syntax) for sop_class in storage_classes()[:13] for syntax in transfer_syntaxes()[1:11]]
    for number, (sop_class, syntax) in enumerate(kinds):
        syntax = "1.2.840.10008.1.2" if syntax == "1.2.840.10008.1.2.2" else syntax
        write_object(tmp_path / f"{number}.dcm", sop_class, syntax)
    done = run(gateway, "store", "-v", "-aet", "DX1", *peer, str(tmp_path))
    assert done.stdout == "130 stored, 0 not\n"
    assert done.stderr.count("association accepted") == 2


def test_store_says_why_a_file_was_refused(gateway: Program, peer: tuple[str, str], tmp_path: Path) -> None:
    write_object(tmp_path / "good.dcm")
    liar = write_object(tmp_path / "liar.dcm")
    uid = liar.SOPInstanceUID.encode()  # its last digit in the file meta information, which comes first, is changed
    other = uid[:-1] + (b"1" if uid[-1:] != b"1" else b"2")
    (tmp_path / "liar.dcm").write_bytes((tmp_path / "liar.dcm").read_bytes().replace(uid, other, 1))
    (tmp_path / "text.dcm").write_text("nothing")
    names = ("good.dcm", "liar.dcm", "text.dcm")
    found = answer(gateway, "store", *peer, *(str(tmp_path / name) for name in names), code=1)
    assert (found["stored"], found["failed"]) == (1, 2)
    by_name = {Path(file["file"]).name: file for file in found["files"]}
    assert by_name["good.dcm"] | {"status": "0000", "result": "stored"} == by_name["good.dcm"]
    assert by_name["liar.dcm"]["status"] == "A900"
    assert "Data Set Does Not Match SOP Class" in by_name["liar.dcm"]["meaning"]
    assert "not a DICOM file" in by_name["text.dcm"]["meaning"]


def test_store_goes_on_after_a_peer_that_aborts(gateway: Program, tmp_path: Path) -> None:
    first = write_object(tmp_path / "1.dcm")
    for number in (2, 3):
        write_object(tmp_path / f"{number}.dcm")
    ae, seen = AE("PACS"), []
    ae.add_supported_context(UID(DX))

    def take(event: Any) -> int:
        seen.append(event.request.AffectedSOPInstanceUID)
        if event.request.AffectedSOPInstanceUID == first.SOPInstanceUID:
            event.assoc.abort()
        return 0xB000

    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, take)])
    assert server is not None
    try:
        found = answer(gateway, "store", "127.0.0.1", str(server.server_address[1]), str(tmp_path), code=1)
    finally:
        server.shutdown()
    assert [file["result"] for file in found["files"]] == ["refused", "stored with a warning", "stored with a warning"]
    assert len(seen) == 3


def test_mpps_from_an_order_to_its_completion(gateway: Program, peer: tuple[str, str], tmp_path: Path) -> None:
    order = json.loads(said(gateway, "orders", "add", text=json.dumps(order_body("A-2", "P-2"))))
    study = order["procedures"][0]["study_instance_uid"]
    made = answer(gateway, "mpps", "create", "-aet", "DX1", "--from-order", order["id"], *peer)
    assert made["study_instance_uid"] == study
    assert status(gateway, order) == "STARTED"
    for number in (1, 2):
        write_image(tmp_path, study, "P-2", number)
    assert "2 stored, 0 not" in said(gateway, "store", "-aet", "DX1", *peer, str(tmp_path))
    uid = made["sop_instance_uid"]
    changed = said(gateway, "mpps", "set", *peer, uid, "-k", "PerformedProcedureStepDescription=Thorax")
    assert changed == f"{uid}\n"
    said(gateway, "mpps", "complete", "-aet", "DX1", "--image", str(tmp_path), *peer, uid)
    assert status(gateway, order) == "COMPLETED"
    study_now = answer(gateway, "studies", "show", study)
    assert study_now["received"] == 2
    refused = said(gateway, "mpps", "set", *peer, uid, "-k", "PerformedProcedureStepDescription=x", code=1)
    assert "0x0110" in refused
    assert "no open step" in said(gateway, "mpps", "create", "--from-order", order["id"], *peer, code=1)


def status(gateway: Program, order: dict[str, Any]) -> str:
    found: dict[str, Any] = json.loads(said(gateway, "orders", "show", order["id"]))
    return str(found["status"])


def test_mpps_of_a_wrong_entry_gives_the_step_back(gateway: Program, peer: tuple[str, str]) -> None:
    order = json.loads(said(gateway, "orders", "add", text=json.dumps(order_body("A-3", "P-3"))))
    step = order["procedures"][0]["steps"][0]["id"]
    uid = said(gateway, "mpps", "create", "--from-order", order["id"], "--step", step, *peer).strip()
    assert status(gateway, order) == "STARTED"
    said(gateway, "mpps", "discontinue", "--reason", "110514", *peer, uid)
    assert status(gateway, order) == "SCHEDULED"


def test_mpps_of_an_examination_that_nobody_ordered(gateway: Program, peer: tuple[str, str]) -> None:
    uid = str(generate_uid())
    keys = [
        "PatientID=W-1",
        "PatientName=Löwe^Leo",
        "Modality=US",
        "ScheduledStepAttributesSequence[0].StudyInstanceUID=1.2.9",
    ]
    made = answer(gateway, "mpps", "create", *peer, "--uid", uid, *(part for key in keys for part in ("-k", key)))
    assert (made["sop_instance_uid"], made["study_instance_uid"]) == (uid, "1.2.9")
    again = said(gateway, "mpps", "create", *peer, "--uid", uid, code=1)
    assert "0x0111" in again
    assert "(this performed step exists)" in again
    said(gateway, "mpps", "complete", *peer, uid, "--image", f"{DX}:1.2.3.4.5", "--series", "1.2.3.4")
