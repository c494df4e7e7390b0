"""A PMS away for a day, then answering 500, 429, 410 or nothing: at least once, in order per order, none lost."""

from pathlib import Path

import pytest

from dicom_gateway.core.local_time import SECOND
from tests.faults.slow_pms import DAY, FAULTS, RETRY_AFTER, Delivery, SlowPms, check
from tests.storage.builders import START, opened

ORDERS, EVENTS, KILLS = 10, 45, 3


def test_every_event_comes_at_least_once_and_in_order(tmp_path: Path) -> None:
    with opened(tmp_path / "gateway.db") as store:
        delivery = Delivery(store, ORDERS, EVENTS, KILLS)
        pms = delivery.run()
        check(delivery, pms, store)
        assert store.clock.now > START + DAY * SECOND
    assert delivery.killed == KILLS
    assert 0 < delivery.told_again <= pms.done["410"], (
        "each pause is taken back, unless the worker died with the answer"
    )
    assert pms.done.keys() == {"200", *FAULTS}
    assert len(pms.taken) > EVENTS, "nothing came twice, though connections were dropped after events were taken"


def one_event(folder: Path, answers: list[str]) -> list[int]:
    """Deliver one event to a PMS that is there and gives `answers`; return when it was tried (seconds)."""
    tried: list[int] = []
    with opened(folder / "gateway.db") as store:
        delivery = Delivery(store, 1, 1, 0)

        def behave() -> str:
            tried.append((store.clock.now - START) // SECOND - DAY)
            return answers.pop(0)

        delivery.behave = behave  # type: ignore[method-assign]
        pms: SlowPms = delivery.run()
        check(delivery, pms, store)
    return tried


def test_retry_after_is_kept(tmp_path: Path) -> None:
    tried = one_event(tmp_path, ["429", "429", "200"])
    assert [later - earlier for earlier, later in zip(tried, tried[1:], strict=False)] == [RETRY_AFTER, RETRY_AFTER]


def test_a_pms_that_is_back_hears_within_an_hour_or_so(tmp_path: Path) -> None:
    tried = one_event(tmp_path, ["200"])
    assert 0 <= tried[0] <= 1.2 * 3600


@pytest.mark.parametrize("fault", ["500", "drop", "drop after taking", "410"])
def test_a_fault_is_tried_again(tmp_path: Path, fault: str) -> None:
    tried = one_event(tmp_path, [fault, "200"])
    assert len(tried) == 2
