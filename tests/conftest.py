"""How the tests share the machine."""

import os


def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes `-n auto` starts: half as many again as cores, as tests of whole programs wait a lot."""
    return (os.cpu_count() or 1) * 3 // 2 or 1
