"""C-STORE: every family of objects in every transfer syntax, from each peer; what is kept is what was sent.

PS3.4 B, PS3.5 annex A. A file goes out in its own syntax and in no other; the data set that the gateway keeps must be
the bytes of the file's data set. Two peers convert: dcmjs-dimse encodes anew what it read, so there it is the bytes
that it says it sent; dcmsend brings native files into explicit VR little endian, so there it is those bytes as pydicom
writes them.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from conformance.bench import Bench, described
from conformance.objects import FAMILIES, NATIVE, SYNTAXES, Made, for_peer, make_files
from conformance.peers import Dcmjs, Dcmtk, Orthanc

GROUP = "store grid"
QUICK_FAMILIES = ("intra-oral (IO)", "ultrasound multi-frame", "comprehensive SR")

Sent = dict[Path, tuple[str, str]]  # file -> transfer syntax and SHA-256 of the data set as sent


def run(bench: Bench) -> None:
    """Run the grid with every peer."""
    folder = bench.folder / "objects"
    folder.mkdir()
    families = [family for family in FAMILIES if not bench.quick or family.name in QUICK_FAMILIES]
    made = list(make_files(folder, families, tuple(SYNTAXES), bench.dcmtk))
    for number, (name, version, send) in enumerate(_senders(bench), 1):
        files = for_peer(made, bench.folder / f"peer{number}", number)
        sent = send(bench, files)
        for one in files:
            _check(bench, name, version, one, sent)


def _senders(bench: Bench) -> list[tuple[str, str, Callable[[Bench, Sequence[Made]], Sent]]]:
    found: list[tuple[str, str, Callable[[Bench, Sequence[Made]], Sent]]] = []
    if bench.dcmtk:
        found += [(f"{Dcmtk.name} {program}", bench.dcmtk.version, send) for program, send in DCMTK_SENDERS]
    if bench.dcmjs:
        found.append((Dcmjs.name, bench.dcmjs.version, _dcmjs))
    if bench.orthanc:
        found.append((Orthanc.name, bench.orthanc.version, _orthanc))
    return found


def _check(bench: Bench, name: str, version: str, one: Made, sent: Sent) -> None:
    with bench.results.case(name, version, GROUP, one.case):
        expected = sent.get(one.path) or described(one.path.read_bytes())
        syntax, digest = bench.stored(one.uid)
        assert syntax == expected[0], f"kept in {syntax}, sent in {expected[0]}"
        assert digest == expected[1], "the bytes kept are not those sent"


def _storescu(bench: Bench, files: Sequence[Made]) -> Sent:
    """One association a syntax, which offers nothing else."""
    assert bench.dcmtk is not None
    for name, uid in SYNTAXES.items():
        own = [one for one in files if one.syntax == name]
        if own:
            profile = bench.folder / "storescu.cfg"
            profile.write_text(storescu_profile({one.family.sop_class_uid for one in own}, uid))
            paths = [one.path for one in own]
            bench.dcmtk.run("storescu", "-nh", "-aet", "STORESCU", "-xf", profile, "Grid", *bench.address, *paths)
    return {}


def storescu_profile(classes: set[str], syntax: str) -> str:
    """Return a configuration file for storescu: these classes in this syntax and no other."""
    contexts = "\n".join(f"PresentationContext{n} = {uid}\\One" for n, uid in enumerate(sorted(classes), 1))
    return (
        f"[[TransferSyntaxes]]\n[One]\nTransferSyntax1 = {syntax}\n"
        f"[[PresentationContexts]]\n[All]\n{contexts}\n[[Profiles]]\n[Grid]\nPresentationContexts = All\n"
    )


def _dcmsend(bench: Bench, files: Sequence[Made]) -> Sent:
    """All at once. dcmsend proposes the syntax of a compressed file, and for a native one all three native ones, of
    which the gateway takes explicit little endian: those are converted by dcmsend."""
    assert bench.dcmtk is not None
    bench.dcmtk.run("dcmsend", "-nh", "-dn", "-aet", "DCMSEND", *bench.address, *[one.path for one in files])
    return {one.path: described(one.as_explicit.read_bytes()) for one in files if one.syntax in NATIVE}


DCMTK_SENDERS = (("storescu", _storescu), ("dcmsend", _dcmsend))


def _dcmjs(bench: Bench, files: Sequence[Made]) -> Sent:
    assert bench.dcmjs is not None
    sent: Sent = {}
    for syntax in SYNTAXES:
        own = {one.uid: one.path for one in files if one.syntax == syntax}
        if own:
            for response in bench.dcmjs.responses("send", [str(path) for path in own.values()]):
                sent[own[response["uid"]]] = (SYNTAXES[syntax], response["sha256"])
    return sent


def _orthanc(bench: Bench, files: Sequence[Made]) -> Sent:
    assert bench.orthanc is not None
    bench.orthanc.store([bench.orthanc.import_file(one.path) for one in files])
    return {}
