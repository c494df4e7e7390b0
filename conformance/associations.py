"""Associations, C-ECHO, and what is refused (PS3.8 7.1 and 9.3, PS3.4 A): what each peer sees of the gateway's door."""

from collections.abc import Callable

from conformance.bench import Bench, described
from conformance.objects import EXPLICIT, FAMILIES, Made, for_peer, make_files
from conformance.peers import Dcmjs, Dcmtk, Orthanc
from conformance.store_grid import storescu_profile

GROUP = "associations"
DEFLATED = "1.2.840.10008.1.2.1.99"
MPPS_NOTIFICATION, COMMITMENT = "1.2.840.10008.3.1.2.3.5", "1.2.840.10008.1.20.1"
SMALLEST_PDU = "4096"
# How DCMTK says that nothing of what it proposed was accepted, or not what it needs.
REFUSALS = ("No Acceptable Presentation Contexts", "No presentation context", "No adequate Presentation Contexts")

Case = tuple[str, Callable[[Bench], None]]


def run(bench: Bench) -> None:
    """Run every case of every peer that is there."""
    for peer, version, cases in (
        (Dcmtk.name, bench.dcmtk and bench.dcmtk.version, DCMTK),
        (Dcmjs.name, bench.dcmjs and bench.dcmjs.version, DCMJS),
        (Orthanc.name, bench.orthanc and bench.orthanc.version, ORTHANC),
    ):
        if version:
            for name, case in cases:
                with bench.results.case(peer, version, GROUP, name):
                    case(bench)


def _dcmtk(bench: Bench, program: str, *options: str) -> tuple[int, str]:
    assert bench.dcmtk is not None
    done = bench.dcmtk.run(program, *options, *bench.address)
    return done.returncode, done.stdout


def _echoes(*options: str) -> Callable[[Bench], None]:
    def case(bench: Bench) -> None:
        code, shown = _dcmtk(bench, "echoscu", "-v", *options)
        assert code == 0 and "(Success)" in shown, shown

    return case


def _tells_its_limits(bench: Bench) -> None:
    code, shown = _dcmtk(bench, "echoscu", "-d")
    assert code == 0, shown
    assert "Their Max PDU Receive Size:  131072" in shown, shown
    assert "Their Implementation Version Name: DCMGATEWAY_" in shown, shown


def _goes_on_after_an_abort(bench: Bench) -> None:
    _dcmtk(bench, "echoscu", "--abort")
    _echoes()(bench)


def _refuses(program: str, *options: str) -> Callable[[Bench], None]:
    def case(bench: Bench) -> None:
        code, shown = _dcmtk(bench, program, "-v", *options)
        assert code != 0, shown
        assert any(text in shown for text in REFUSALS), shown

    return case


def _refuses_plain_text_to_tls(bench: Bench) -> None:
    code, shown = _dcmtk(bench, "echoscu", "+tla")
    assert code != 0, shown
    _echoes()(bench)


def _one_file(bench: Bench, number: int) -> Made:
    """Return a file of UIDs that no other case has."""
    folder = bench.folder / f"file{number}"
    folder.mkdir()
    made = list(make_files(folder, FAMILIES[:1], ("explicit LE",), bench.dcmtk))
    return for_peer(made, folder / "own", number)[0]


def _refuses_deflated(bench: Bench) -> None:
    """Deflated data may grow a thousandfold: its context is refused, and nothing is kept."""
    assert bench.dcmtk is not None
    one = _one_file(bench, 8)
    profile = bench.folder / "deflated.cfg"
    profile.write_text(storescu_profile({one.family.sop_class_uid}, DEFLATED))
    done = bench.dcmtk.run("storescu", "-v", "-xf", profile, "Grid", *bench.address, one.path)
    assert any(text in done.stdout for text in REFUSALS), done.stdout
    answer = bench.api("GET", f"/instances/{one.uid}/file")
    assert answer.status_code == 404, f"{answer.status_code}: {done.stdout}"


def _stores_in_small_pieces(bench: Bench) -> None:
    assert bench.dcmtk is not None
    one = _one_file(bench, 9)
    options = ("-R", "-pdu", SMALLEST_PDU, "--max-send-pdu", SMALLEST_PDU)
    done = bench.dcmtk.run("storescu", *options, *bench.address, one.path)
    assert done.returncode == 0, done.stdout
    assert bench.stored(one.uid) == (EXPLICIT, described(one.path.read_bytes())[1])


def _ignores_user_identity(bench: Bench) -> None:
    assert bench.dcmtk is not None
    one = _one_file(bench, 7)
    done = bench.dcmtk.run("storescu", "-R", "-usr", "nobody", "-pwd", "wrong", *bench.address, one.path)
    assert done.returncode == 0, done.stdout
    bench.stored(one.uid)


def _dcmjs_echo(bench: Bench) -> None:
    assert bench.dcmjs is not None
    (answer,) = bench.dcmjs.responses("echo")
    assert answer["status"] == 0, answer


def _dcmjs_is_refused(sop_class: str) -> Callable[[Bench], None]:
    def case(bench: Bench) -> None:
        assert bench.dcmjs is not None
        answer = bench.dcmjs.ask("action", {"class": sop_class, "uid": "1.2.3"})
        assert answer["accepted"], answer
        assert not answer["responses"], "answered in a context that was refused"

    return case


def _orthanc_echo(bench: Bench) -> None:
    assert bench.orthanc is not None
    answer = bench.orthanc.echo()
    assert answer.status_code == 200, answer.text


def _orthanc_finds_a_worklist(bench: Bench) -> None:
    assert bench.orthanc is not None
    assert bench.orthanc.find_worklist({"PatientID": "NOBODY-HAS-THIS"}) == []


DCMTK: tuple[Case, ...] = (
    ("echoscu: C-ECHO", _echoes()),
    ("echoscu: another called AE title", _echoes("-aec", "SOMEBODY")),
    ("echoscu: an AE title of 16 characters", _echoes("-aet", "ABCDEFGHIJKLMNOP")),
    ("echoscu: 38 transfer syntaxes proposed", _echoes("--propose-ts", "38")),
    ("echoscu: 128 presentation contexts", _echoes("--propose-pc", "128")),
    ("echoscu: 50 C-ECHO in one association", _echoes("--repeat", "50")),
    ("echoscu: a PDU of 4096 bytes", _echoes("-pdu", SMALLEST_PDU)),
    ("echoscu: is told PDU length and version name", _tells_its_limits),
    ("echoscu: A-ABORT, then the next association", _goes_on_after_an_abort),
    ("echoscu: TLS to the plain port fails, then the next association", _refuses_plain_text_to_tls),
    ("storescu: PDUs of 4096 bytes both ways", _stores_in_small_pieces),
    ("storescu: deflated alone is refused", _refuses_deflated),
    ("storescu: user identity is accepted and not checked", _ignores_user_identity),
    ("findscu: study root query is refused", _refuses("findscu", "-S", "-k", "QueryRetrieveLevel=STUDY")),
    ("findscu: patient root query is refused", _refuses("findscu", "-P", "-k", "QueryRetrieveLevel=PATIENT")),
    ("movescu: retrieval is refused", _refuses("movescu", "-S", "-k", "QueryRetrieveLevel=STUDY")),
    ("getscu: retrieval is refused", _refuses("getscu", "-S", "-k", "QueryRetrieveLevel=STUDY")),
)
DCMJS: tuple[Case, ...] = (
    ("C-ECHO", _dcmjs_echo),
    ("storage commitment is refused", _dcmjs_is_refused(COMMITMENT)),
    ("MPPS notification is refused", _dcmjs_is_refused(MPPS_NOTIFICATION)),
)
ORTHANC: tuple[Case, ...] = (("C-ECHO", _orthanc_echo), ("C-FIND on the worklist", _orthanc_finds_a_worklist))
