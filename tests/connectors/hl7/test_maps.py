"""Maps: the shipped ones say what the field table says, one of a practice's own changes what it names; what is wrong
in a map is found when it is read."""

from pathlib import Path

import pytest

from dicom_gateway.connectors.hl7.kinds import READ
from dicom_gateway.connectors.hl7.maps import KIND_OF, LEVELS, SHIPPED, load_map
from dicom_gateway.connectors.hl7.rules import KINDS
from dicom_gateway.errors import SettingsError

CONTROL = {
    "NW_SC": "SCHEDULED", "NW_IP": "SCHEDULED", "XO_SC": "SCHEDULED", "XO_CM": "COMPLETED", "SC_CM": "COMPLETED",
    "SC_A": "COMPLETED", "CA_CA": "CANCELED", "DC_CA": "DISCONTINUED", "NW_": "SCHEDULED", "CA_": "CANCELED",
    "DC_": "DISCONTINUED", "XO_": "UNCHANGED", "SC_IP": "NEW_ONLY",
}  # fmt: skip
# field: where it stands, by message
PLACES = {
    ("order.placer_order_number", "ORM"): ["ORC-2.1", "OBR-2.1"],
    ("order.placer_order_number", "SIU"): ["SCH-26.1", "SCH-1.1"],
    ("order.filler_order_number", "OMG"): ["ORC-3.1"],
    ("order.filler_order_number", "SIU"): ["SCH-27.1", "SCH-2.1"],
    ("order.accession_number", "ORM"): ["OBR-18"],
    ("order.accession_number", "OMI"): ["IPC-1", "OBR-18"],
    ("order.priority", "ORM"): ["ORC-7.6"],
    ("order.priority", "OMI"): ["TQ1-9.1"],
    ("order.priority", "OMG"): ["TQ1-9.1"],
    ("order.referring_physician", "ORM"): ["PV1-8"],
    ("order.requesting_physician", "ORM"): ["OBR-16"],
    ("order.admission_id", "ORM"): ["PV1-19", "PID-18"],
    ("patient.id", "ADT"): ["PID-3"],
    ("patient.species", "ORM"): ["PID-35"],
    ("patient.breed", "ORM"): ["PID-36"],
    ("patient.responsible_person", "ORM"): ["PID-9"],
    ("procedure.id", "ORM"): ["OBR-19.1"],
    ("procedure.id", "OMI"): ["IPC-2.1"],
    ("procedure.code", "OMG"): ["OBR-44", "OBR-4"],
    ("procedure.study_instance_uid", "ORM"): ["ZDS-1.1"],
    ("procedure.study_instance_uid", "OMI"): ["IPC-3.1"],
    ("step.id", "OMG"): ["OBR-20.1"],
    ("step.id", "OMI"): ["IPC-4.1"],
    ("step.modality", "ORM"): ["OBR-24.1"],
    ("step.modality", "OMI"): ["IPC-5.1"],
    ("step.start", "OMI"): ["TQ1-7", "ORC-7.4", "OBR-27.4", "OBR-36"],
    ("step.start", "SIU"): ["AIS-4", "SCH-11.4"],
    ("step.station_ae_titles", "ORM"): [],
    ("step.station_ae_titles", "OMI"): ["IPC-9"],
    ("step.performer", "ORM"): ["OBR-34.1"],
    ("step.performer", "SIU"): ["AIP-3"],
}


@pytest.mark.parametrize(("wanted", "places"), PLACES.items(), ids=lambda value: "-".join(map(str, value)))
def test_the_default_map_reads_what_the_field_table_says(wanted: tuple[str, str], places: list[str]) -> None:
    path, kind = wanted
    (rule,) = (rule for rule in load_map().rules(kind) if rule.path == path)
    assert [str(source) for source in rule.sources] == places


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_map_has_the_control_table_and_a_title(name: str) -> None:
    found = load_map(name)
    assert dict(found.control) == CONTROL
    assert found.title


def test_every_kind_is_described_and_read() -> None:
    assert READ.keys() == KINDS.keys()
    assert set(KIND_OF.values()) <= KINDS.keys()
    for path in KIND_OF:
        level, _, name = path.partition(".")
        assert name in LEVELS[level].model_fields, path


def test_a_map_of_ones_own_changes_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'base = "vetera"\n[step]\nmodality = { from = "OBR-24.1", map = { RX = "DX" } }\n'
        'location = "OBR-27.1"\n[procedure]\nid = ""\n[control]\nSC_IP = ""\nSN_ = "SCHEDULED"\n',
        encoding="utf-8",
    )
    mine, base = load_map(path, source="mypms", assigning_authority="MYPMS"), load_map("vetera")
    assert (mine.source, mine.assigning_authority, mine.title) == ("mypms", "MYPMS", "VETERA")
    assert dict(mine.control) == {**{k: v for k, v in CONTROL.items() if k != "SC_IP"}, "SN_": "SCHEDULED"}
    changed = {rule.path for rule in mine.rules("ORM")} - {
        rule.path for rule in base.rules("ORM") if rule in mine.rules("ORM")
    }
    assert changed == {"step.modality", "step.location", "procedure.id"}


def test_a_base_is_found_beside_its_map(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text('base = "default"\ntitle = "One"\n')
    (tmp_path / "two.toml").write_text('base = "one.toml"\n')
    assert load_map(tmp_path / "two.toml").title == "One"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        pytest.param("[patient", "mine.toml", id="no TOML"),
        pytest.param("[animal]\n", "animal", id="unknown section"),
        pytest.param('[patient]\nshoe_size = "PID-5"\n', "patient.shoe_size", id="unknown field"),
        pytest.param('[order]\nsource = "MSH-3"\n', "order.source", id="not from a map"),
        pytest.param('[patient]\nname = "PID5"\n', "PID5", id="no place"),
        pytest.param('[patient]\nname = "PID-0"\n', "PID-0", id="field 0"),
        pytest.param("[patient]\nname = 5\n", "patient.name", id="no text"),
        pytest.param('[patient]\nname = { from = "PID-5", as = "magic" }\n', "magic", id="unknown kind"),
        pytest.param('[patient]\nname = { form = "PID-5" }\n', "form", id="misspelt key"),
        pytest.param('[patient]\nname = { from = "PID-5", SIU = "x" }\n', "patient.name", id="wrong for one message"),
        pytest.param('[patient]\nname = "{PID-5.1}^{oops}"\n', "oops", id="wrong in a template"),
        pytest.param('[control]\nNW_SC = "DONE"\n', "NW_SC", id="unknown status"),
        pytest.param('[events]\n"SIU^S12" = "PARTY"\n', "SIU", id="unknown action"),
        pytest.param('base = "nowhere"\n', "nowhere", id="unknown base"),
        pytest.param('base = "mine.toml"\n', "each the base of the next", id="its own base"),
    ],
)
def test_what_is_wrong_in_a_map_is_named(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=str(named)) as raised:
        load_map(path)
    assert "mine.toml" in str(raised.value)


def test_a_map_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="none.toml"):
        load_map(tmp_path / "none.toml")
