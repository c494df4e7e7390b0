"""Queries over a real database: what SQL leaves and core.matching accepts is what the slow oracle finds, no more and no
less, whatever keys come together."""

import random
from datetime import timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from dicom_gateway.core.attributes import build_item
from dicom_gateway.core.matching import compile_query
from dicom_gateway.core.model import Patient
from dicom_gateway.core.status import HIDDEN_FROM_WORKLIST
from tests.core import matching_oracle as oracle
from tests.core.matching_data import identifier, model, plain
from tests.core.matching_strategies import NOON, QUERIES, STEP
from tests.storage.builders import PMS, GatewayStore, a_procedure, a_step

ORDERS = 60
WORDS = ["A", "B", "AB", "ab", "A B", "Ä", "12", "123", "x*y"]
FAMILIES = ["Smith", "SMITH", "Müller", "Straße", "Øre", "Yamada", "ΟΔΟΣ", "", "Kim"]
GIVEN = ["John", "jürgen", "Änne", "Łucja", "Tarou=山田^太郎=やまだ^たろう", "=山田"]

Place = tuple[str, str]  # of a step: order id, step id


class Filled(GatewayStore):
    """Orders of few different values, two steps each, one order in five cancelled; and all their items."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        pick = random.Random(20260705)
        ids = [self._fill(n, pick) for n in range(ORDERS)]
        self.items: dict[Place, dict[str, Any]] = {}
        self.ended: set[Place] = set()
        for order in map(self.orders.get, ids):
            for procedure in order.procedures:
                for step in procedure.steps:
                    place = order.id, step.id
                    self.items[place] = plain(build_item(order, procedure, step))
                    self.ended |= {place} if step.status in HIDDEN_FROM_WORKLIST else set()

    def _fill(self, n: int, pick: random.Random) -> str:
        starts = [NOON + timedelta(minutes=15 * pick.randint(-288, 288)) for _ in "12"]
        steps = [
            a_step(
                pick.choice(["IO", "PX", "DX"]),
                start.isoformat(),
                id=f"{pick.choice(WORDS)}{place}",
                station_ae_titles=tuple(pick.sample(["ONE", "TWO", "one"], pick.randint(1, 3))),
            )
            for place, start in enumerate(starts)
        ]
        procedure = a_procedure(*steps, id=pick.choice(WORDS), study_instance_uid=f"1.{n}")
        name = pick.choice(["Smith", "Müller", f"{pick.choice(FAMILIES)}^{pick.choice(GIVEN)}"])
        patient = Patient(pick.choice(WORDS), name, pick.choice(["", "A"]))
        order = self.order(f"N-{n}", procedure, patient=patient, accession_number=f"{pick.choice(WORDS)}-{n}")
        if n % 5 == 0:
            self.orders.cancel(order.id, PMS)
        return order.id

    def find(self, keys: dict[str, Any]) -> list[Place]:
        """Return what the database and core.matching find."""
        query = compile_query(identifier(keys))
        candidates = self.worklist.candidates(query.narrowing, query.hides_final)
        found = ((one, build_item(one.order, one.procedure, one.step)) for one in candidates)
        return sorted((one.order.id, one.step.id) for one, item in found if query.matches(item))

    def truth(self, keys: dict[str, Any]) -> list[Place]:
        """Return what the oracle finds among all items."""
        status = next((item.get("ScheduledProcedureStepStatus", "") for item in keys.get(STEP, [])), "")
        hidden = set() if status.strip(" \\") else self.ended
        shown = (place for place in self.items if place not in hidden)
        return sorted(place for place in shown if oracle.finds(keys, self.items[place], model))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    return Filled(tmp_path_factory.mktemp("narrowing") / "gateway.sqlite3")


@settings(max_examples=80, deadline=None)
@given(keys=QUERIES)
def test_any_query_finds_what_the_oracle_finds(store: Filled, keys: dict[str, Any]) -> None:
    assert store.find(keys) == store.truth(keys)


def step_keys(**keys: str) -> dict[str, Any]:
    return {STEP: [keys]}


AWKWARD = [
    *(
        {"PatientName": name}
        for name in ("Smith^*", "Smith*", "SMITH^", "smith\\müller", "*^John", "stra?e*", "=山田*")
    ),
    *({"PatientName": name, "PatientID": "A*"} for name in ("mull*", "Mü?ler", "ŁUCJA", "*łucja", "ο*")),
    *(step_keys(ScheduledProcedureStepStatus=status) for status in ("*", "CANCELED", "SCHEDULED", "CANCELED\\X")),
    step_keys(ScheduledProcedureStepStatus="*", ScheduledStationAETitle="ONE", Modality="DX\\IO"),
    {"PatientID": " A ", **step_keys(ScheduledProcedureStepStatus="CANCELED")},
    {"PatientName": "smith", **step_keys(ScheduledProcedureStepStatus="*", Modality="PX")},
]


@pytest.mark.parametrize("keys", AWKWARD, ids=str)
def test_an_awkward_query_finds_what_the_oracle_finds(store: Filled, keys: dict[str, Any]) -> None:
    assert store.find(keys) == store.truth(keys)


def test_the_awkward_queries_find_something(store: Filled) -> None:
    assert sum(bool(store.truth(keys)) for keys in AWKWARD) > len(AWKWARD) * 0.7


AT_ROOT = ("PatientID", "PatientName", "AccessionNumber", "RequestedProcedureID", "StudyInstanceUID")
AT_STEP = (
    "ScheduledStationAETitle",
    "Modality",
    "ScheduledProcedureStepID",
    "ScheduledProcedureStepStartDate",
    "ScheduledProcedureStepStartTime",
)
NARROWING = (*AT_ROOT, *AT_STEP)


def own_keys(item: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Return a query with an item's own values, the last of several."""
    step = item[STEP][0]
    return {
        **{name: item[name][-1] for name in names if name in AT_ROOT},
        STEP: [{name: step[name][-1] for name in names if name in AT_STEP}],
    }


WIDER = {
    "PatientName": lambda name: f"{name[:2]}*",
    "StudyInstanceUID": "9.9\\{}".format,
    "ScheduledProcedureStepStartDate": "{}-".format,
    "ScheduledProcedureStepStartTime": "{}-".format,
}


def widened(level: dict[str, Any]) -> dict[str, Any]:
    """Return the query with a wildcard for a name, a list for a UID, and date and time as beginnings."""
    return {
        name: [widened(item) for item in key] if isinstance(key, list) else WIDER.get(name, str)(key)
        for name, key in level.items()
    }


@pytest.mark.parametrize("size", range(len(NARROWING) + 1))
def test_each_combination_of_keys_loses_nothing(store: Filled, size: int) -> None:
    """Each combination is asked with the values of another step, as they are and widened."""
    shown = sorted(place for place in store.items if place not in store.ended)
    for turn, names in enumerate(combinations(NARROWING, size)):
        place = shown[turn % len(shown)]
        exact = own_keys(store.items[place], names)
        for keys in (exact, widened(exact)):
            found = store.find(keys)
            assert found == store.truth(keys), names
            assert place in found, names


def test_the_combinations_tell_steps_apart(store: Filled) -> None:
    """The data would be of no use if each key found everything, or only its own step."""
    for name in NARROWING:
        item = next(iter(store.items.values()))
        count = len(store.find(own_keys(item, (name,))))
        assert count < len(store.items) - len(store.ended)


def test_a_list_of_uids_may_be_longer_than_sql_takes(store: Filled) -> None:
    uids = [*(f"2.{n}" for n in range(300_000)), "1.1", "1.2"]
    assert store.find({"StudyInstanceUID": "\\".join(uids)}) == store.truth({"StudyInstanceUID": "1.1\\1.2"}) != []
