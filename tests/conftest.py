"""How the tests share the machine."""

import os


def pytest_xdist_auto_num_workers() -> int:
    """Return the number of processes of `-n auto`: more than cores, as tests of whole programs wait a lot."""
    return (os.cpu_count() or 2) * 3 // 2
