"""Tokens, devices that were refused, alarms, and the index of objects."""

import pytest

from dicom_gateway.errors import Conflict, InvalidValue, NotFound
from dicom_gateway.storage.audit import Actor, clear_alarm
from dicom_gateway.storage.studies import Quarantined
from dicom_gateway.storage.tables import TokenRow
from dicom_gateway.storage.tokens import Bearer, Role
from dicom_gateway.storage.unknown_devices import MAX_UNKNOWN
from tests.storage.builders import EXPLICIT_LE, STUDY, GatewayStore, a_header, a_stored

ADMINISTRATOR = Actor("command line")


def test_a_token(gateway_store: GatewayStore) -> None:
    tokens = gateway_store.tokens
    token = tokens.create("mypms", Role.PMS, "mypms", ADMINISTRATOR)
    other = tokens.create("ann", Role.TECHNICIAN, "", ADMINISTRATOR)
    assert tokens.check(token) == Bearer("mypms", Role.PMS, "mypms")
    assert tokens.check(other) == Bearer("ann", Role.TECHNICIAN)
    assert len(token) > 40 and token != other
    for wrong in ("", token[:-1], token + "x", token.upper(), "mypms"):
        assert tokens.check(wrong) is None


def test_a_token_is_stored_hashed(gateway_store: GatewayStore) -> None:
    token = gateway_store.tokens.create("mypms", Role.PMS, "mypms", ADMINISTRATOR)
    (row,) = gateway_store.database.read(lambda tx: tx.rows(TokenRow.select()))
    assert not [value for value in row.values() if token in str(value)]
    assert token not in str(gateway_store.tokens.all())
    (shown,) = gateway_store.tokens.all()
    assert set(shown) == {"name", "role", "source", "created_at", "revoked_at"}


def test_a_revoked_token(gateway_store: GatewayStore) -> None:
    tokens = gateway_store.tokens
    token = tokens.create("mypms", Role.PMS, "", ADMINISTRATOR)
    other = tokens.create("other", Role.PMS, "", ADMINISTRATOR)
    tokens.revoke("mypms", ADMINISTRATOR)
    assert tokens.check(token) is None
    assert tokens.check(other) is not None
    for name in ("mypms", "nobody"):
        with pytest.raises(NotFound):
            tokens.revoke(name, ADMINISTRATOR)
    with pytest.raises(Conflict):
        tokens.create("mypms", Role.PMS, "", ADMINISTRATOR)
    actions = [row["action"] for row in gateway_store.audit.of("token mypms")]
    assert actions == ["token created", "token revoked"]


@pytest.mark.parametrize("name", ["", " ", "my pms ", "a\nb", "a\tb", "x" * 65, "\udcff"])
def test_a_token_has_a_name_that_a_person_can_type(gateway_store: GatewayStore, name: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        gateway_store.tokens.create(name, Role.PMS, "", ADMINISTRATOR)
    assert refused.value.field == "name"
    assert gateway_store.tokens.all() == []


@pytest.mark.parametrize(
    ("role", "source"), [(Role.TECHNICIAN, "mypms"), (Role.ADMINISTRATOR, "mypms"), (Role.PMS, "my\npms")]
)
def test_only_a_pms_is_bound_to_a_source(gateway_store: GatewayStore, role: Role, source: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        gateway_store.tokens.create("name", role, source, ADMINISTRATOR)
    assert refused.value.field == "source"


def test_an_unknown_device_is_counted(gateway_store: GatewayStore) -> None:
    devices = gateway_store.unknown_devices
    devices.record("NEW", "192.0.2.1", "GATEWAY")
    gateway_store.clock.advance(1)
    devices.record("NEW", "192.0.2.1", "OTHER")
    devices.record("NEW", "192.0.2.2", "GATEWAY")
    rows = {row["address"]: row for row in devices.all()}
    assert (rows["192.0.2.1"]["attempts"], rows["192.0.2.1"]["called_ae_title"]) == (2, "OTHER")
    assert rows["192.0.2.1"]["last_seen_at"] - rows["192.0.2.1"]["first_seen_at"] == 1_000_000
    assert rows["192.0.2.2"]["attempts"] == 1


def test_unknown_devices_are_bounded_and_the_oldest_go(gateway_store: GatewayStore) -> None:
    for number in range(MAX_UNKNOWN + 20):
        gateway_store.clock.advance(1)
        gateway_store.unknown_devices.record(f"AE{number}", "192.0.2.1", "GATEWAY")
    rows = gateway_store.unknown_devices.all()
    assert len(rows) == MAX_UNKNOWN
    assert (rows[0]["ae_title"], rows[-1]["ae_title"]) == (f"AE{MAX_UNKNOWN + 19}", "AE20")


def test_an_alarm_is_raised_once_and_counted(gateway_store: GatewayStore) -> None:
    for at, detail in ((1, "first"), (3, "second")):
        gateway_store.audit.alarm(at, "disk nearly full", "store", detail)
    gateway_store.audit.alarm(2, "disk nearly full", "database", "x")
    alarms = gateway_store.audit.alarms()
    assert [(row["subject"], row["detail"], row["count"], row["raised_at"]) for row in alarms] == [
        ("store", "second", 2, 3),
        ("database", "x", 1, 2),
    ]


def test_a_cleared_alarm_is_gone_and_audited_and_may_come_again(gateway_store: GatewayStore) -> None:
    audit = gateway_store.audit
    audit.alarm(1, "disk nearly full", "store", "first")
    audit.alarm(2, "other", "store", "x")
    key = next(row["key"] for row in audit.alarms() if row["kind"] == "disk nearly full")
    assert audit.clear(key, ADMINISTRATOR, 5)["detail"] == "first"
    assert [row["kind"] for row in audit.alarms()] == ["other"]
    (line,) = audit.of("store")
    assert (line["at"], line["who"], line["action"], line["detail"]) == (
        5, "command line", "alarm cleared", "disk nearly full",
    )  # fmt: skip
    with pytest.raises(NotFound):
        audit.clear(10**6, ADMINISTRATOR, 6)
    assert len(audit.of("store")) == 1
    audit.alarm(7, "disk nearly full", "store", "again")
    assert [(row["detail"], row["count"]) for row in audit.alarms()] == [("again", 1), ("x", 1)]


def test_an_alarm_ends_in_the_transaction_of_its_reason(gateway_store: GatewayStore) -> None:
    gateway_store.audit.alarm(1, "target paused", "clinic", "410")
    gateway_store.audit.alarm(1, "target paused", "other", "410")
    gateway_store.database.write(lambda tx: clear_alarm(tx, "target paused", "clinic"))
    gateway_store.database.write(lambda tx: clear_alarm(tx, "target paused", "nobody"))
    assert [row["subject"] for row in gateway_store.audit.alarms()] == ["other"]


def test_quarantine(gateway_store: GatewayStore) -> None:
    refused = [
        Quarantined("DX1", "192.0.2.9", "1.2", "1.2.3", 0xA900, reason, f"quarantine/aa/{n}.dcm", 10)
        for n, reason in enumerate(("UIDs differ", "truncated"))
    ]
    for one in refused:
        gateway_store.studies.quarantine(one)
    assert gateway_store.studies.quarantined() == refused[::-1]
    (alarm,) = gateway_store.audit.alarms()
    assert (alarm["kind"], alarm["subject"], alarm["count"]) == ("object refused", "DX1", 2)
    assert gateway_store.studies.knows_object("quarantine/aa/0.dcm")


def test_the_index_knows_its_objects(gateway_store: GatewayStore) -> None:
    gateway_store.image("1.1")
    gateway_store.image("1.2")
    names = gateway_store.studies.object_names(0, 10)
    assert len(names) == 2
    assert gateway_store.studies.object_names(names[0][0], 10) == names[1:]
    assert gateway_store.studies.object_names(0, 1) == names[:1]
    assert gateway_store.studies.knows_object(names[0][1])
    assert not gateway_store.studies.knows_object("objects/aa/none.dcm")


def test_the_same_bytes_are_found_and_restored(gateway_store: GatewayStore) -> None:
    stored = a_stored("a" * 64)
    gateway_store.receive(a_header("1.1"), stored)
    studies = gateway_store.studies
    found = studies.find_same("1.1", EXPLICIT_LE, "a" * 64)
    assert found is not None and found.stored == stored
    for uid, syntax, sha256 in (("1.2", EXPLICIT_LE, "a" * 64), ("1.1", "1.2.840.10008.1.2", "a" * 64)):
        assert studies.find_same(uid, syntax, sha256) is None
    assert studies.find_same("1.1", EXPLICIT_LE, "b" * 64) is None
    again = a_stored("a" * 64)
    studies.restore(found, type(again)("objects/ff/new.dcm", EXPLICIT_LE, 128, again.length, again.sha256))
    restored = studies.instance("1.1").stored
    assert (restored.name, restored.offset, restored.sha256) == ("objects/ff/new.dcm", 128, "a" * 64)


def test_studies_are_found_newest_first_in_pages(gateway_store: GatewayStore) -> None:
    order = gateway_store.order("A-1")
    for number in range(5):
        gateway_store.clock.advance(number % 2)  # some at the same moment
        gateway_store.image(f"1.{number}.1", study_instance_uid=f"1.{number}")
    gateway_store.image("1.9", study_instance_uid=STUDY)
    studies = gateway_store.studies
    seen: list[str] = []
    before = None
    while page := studies.find(limit=2, before=before):
        seen += [study.study_instance_uid for study in page]
        before = (page[-1].last_received_at, page[-1].study_instance_uid)
    assert seen == [study.study_instance_uid for study in studies.find()]
    assert len(set(seen)) == 6
    assert [study.study_instance_uid for study in studies.find(order_id=order.id)] == [STUDY]


def test_instances_by_key(gateway_store: GatewayStore) -> None:
    for number in range(3):
        gateway_store.image(f"1.{number}")
    _, instances = gateway_store.studies.get(STUDY)
    keys = [instance.key for instance in instances]
    assert gateway_store.studies.instances(keys[::-1]) == list(instances)[::-1]
    assert gateway_store.studies.instances([]) == []
    assert gateway_store.studies.instances([keys[0], 999]) == [instances[0]]


def test_what_is_not_there(gateway_store: GatewayStore) -> None:
    gateway_store.order()
    gateway_store.create_mpps()  # announces a study of which nothing has come
    with pytest.raises(NotFound):
        gateway_store.studies.get(STUDY)
    with pytest.raises(NotFound):
        gateway_store.studies.instance("1.1")


def test_a_header_comes_back_whole(gateway_store: GatewayStore) -> None:
    header = a_header("1.1", patient_name="Müller^Bär", rows=10, teeth=("36",), flags=("leading zero",), view="AP")
    gateway_store.receive(header)
    instance = gateway_store.studies.instance("1.1")
    assert instance.header == header
    assert instance.flags == ("leading zero",)
    assert (instance.calling_ae_title, instance.received_at) == ("DX1", gateway_store.clock())
