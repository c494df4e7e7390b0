"""Each message of sample_data/hl7 becomes what its JSON file says; each is one that the pages name."""

import json
from pathlib import Path

import pytest

from tests.connectors.hl7.samples import SAMPLES, meaning

MESSAGES = sorted(SAMPLES.glob("*.hl7"))


def test_every_message_has_its_meaning_beside_it() -> None:
    assert [path.stem for path in MESSAGES] == sorted(path.stem for path in SAMPLES.glob("*.json"))
    assert len(MESSAGES) >= 12


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.stem)
def test_a_sample_becomes_what_is_expected(path: Path) -> None:
    assert meaning(path) == json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
