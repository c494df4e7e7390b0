"""What is kept of worklist items is bounded, is of one version only, and stands several threads."""

import threading
from datetime import datetime

import pytest

from dicom_gateway.core.model import Order, Patient, RequestedProcedure, ScheduledStep
from dicom_gateway.dicom.element_cache import ElementCache
from dicom_gateway.storage.codec import dump_order
from dicom_gateway.storage.worklist import ScheduledItem, StepVersion, StoredOrder

STEP = ScheduledStep("DX", datetime(2027, 3, 1, 10), 0)
ORDER = Order("pms", "1", Patient("P1", "Doe^Rex"), (RequestedProcedure((STEP,)),))


def an_item(number: int, version: int = 1, reason: str = "") -> ScheduledItem:
    stored = StoredOrder(dump_order(ORDER.evolve(id=f"O{number:04}", version=version, reason=reason)))
    return ScheduledItem(StepVersion(f"O{number:04}", version, 0, 0, 0), stored)


def test_an_item_is_found_by_its_version_only() -> None:
    cache = ElementCache()
    item = an_item(1)
    assert cache.get(item.version) is None
    kept = cache.keep(item)
    assert cache.get(item.version) is kept
    assert cache.get(item.version._replace(version=2)) is None
    assert cache.get(item.version._replace(changed_at=1)) is None
    assert cache.get(item.version._replace(step_position=1)) is None
    assert cache.get(item.version._replace(order_id="O0002")) is None


def test_those_not_asked_for_the_longest_time_go() -> None:
    weight = ElementCache().keep(an_item(1)).weight
    cache = ElementCache(3 * weight)
    for number in (1, 2, 3):
        cache.keep(an_item(number))
    assert cache.get(an_item(1).version)
    cache.keep(an_item(4))
    assert [number for number in (1, 2, 3, 4) if cache.get(an_item(number).version)] == [1, 3, 4]


@pytest.mark.parametrize("version", [1, 7], ids=["the same again", "new versions"])
def test_it_stays_within_its_bound(version: int) -> None:
    cache = ElementCache(1_000_000)
    for number in range(3000):
        cache.keep(an_item(number % 500, 1 + number % version))
        assert cache.bytes_kept <= 1_000_000
    assert 0 < len(cache) < 500
    assert cache.bytes_kept == len(cache) * cache.keep(an_item(0)).weight


def test_an_item_that_two_threads_found_missing_counts_once() -> None:
    cache = ElementCache()
    first, second = cache.keep(an_item(1)), cache.keep(an_item(1))
    assert cache.get(an_item(1).version) is second is not first
    assert (len(cache), cache.bytes_kept) == (1, second.weight)


def test_a_large_order_weighs_more() -> None:
    cache = ElementCache()
    small, large = cache.keep(an_item(1)), cache.keep(an_item(2, reason="x" * 10_000))
    assert large.weight > small.weight + 10_000


def test_an_item_larger_than_the_bound_is_served_and_not_kept() -> None:
    cache = ElementCache(100)
    made = cache.keep(an_item(1))
    assert made.values.texts and (len(cache), cache.bytes_kept) == (0, 0)


def test_several_threads() -> None:
    cache = ElementCache(50_000)
    failed: list[BaseException] = []

    def run(seed: int) -> None:
        try:
            for number in range(2000):
                item = an_item((number * seed) % 40)
                found = cache.get(item.version) or cache.keep(item)
                assert found.scheduled.order.id == item.version.order_id
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in (3, 7, 11, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert cache.bytes_kept <= 50_000
    assert len(cache) > 0
