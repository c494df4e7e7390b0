"""A good device works while every attacker is at it; how fast it is answered is measured by `make soak`."""

from collections.abc import Callable

from tests.e2e.program import Program
from tests.e2e.test_kill import stored
from tests.faults.attack_run import attack_run
from tests.upperlayer.attackers import ATTACKERS

SECONDS, ECHOES = 4, 20
MOST_MORE_BYTES = 512 << 20


def test_a_good_device_works_under_every_attack(program: Callable[..., Program]) -> None:
    gateway = program()
    outcome = attack_run(gateway, SECONDS, ECHOES)
    assert len(outcome.echo_seconds) >= ECHOES
    assert outcome.resident_most - outcome.resident_before < MOST_MORE_BYTES
    kept = stored(gateway)
    assert {uid: kept[uid].read_bytes()[-len(data) :] for uid, data in outcome.stored.items()} == outcome.stored
    assert outcome.attempts.keys() == ATTACKERS.keys()
    assert sum(outcome.attempts.values()) > len(ATTACKERS)
