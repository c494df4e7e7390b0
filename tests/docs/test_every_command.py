"""No command of the pages is forgotten: each is run by a test of this folder, or has its reason in runs.NOT_RUN.

Those that are not run are looked at: what make would do exists, and a module takes the options that a page names.
"""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.checkout import environment
from tests.docs.pages import PAGES, ROOT, Command, block_commands, blocks, commands
from tests.docs.runs import IN_README, NOT_RUN, SAME, SECRET, SERVED, TABLES
from tests.peers import need

ELSEWHERE = {"docs/api.md": "tests/web/test_docs_api.py"}  # runs every block of that page
NEEDED = ("npm", "uv")  # the pages say who needs them


def found() -> list[Command]:
    return [command for page in PAGES for command in commands(page, with_blocks=page not in ELSEWHERE)]


def run() -> set[str]:
    """Return every command that a test of this folder runs, as a page has it."""
    readme = {command.text for block in blocks("README.md", "sh") for command in block_commands(block)}
    tables = {run.said for table in TABLES for run in table}
    return {*readme, *IN_README, *tables, *SAME, *SERVED, SECRET} - NOT_RUN.keys()


def test_each_is_run_or_says_why_not() -> None:
    known = run() | NOT_RUN.keys()
    assert [str(command) for command in found() if command.text not in known] == []


def test_what_is_run_or_not_stands_on_a_page() -> None:
    on_pages = {command.text for command in found()}
    assert (run() | NOT_RUN.keys()) - on_pages == set()
    assert {same for same in SAME.values() if same not in run()} == set()


def test_what_tests_elsewhere_run_is_there() -> None:
    named = {name for reason in NOT_RUN.values() for name in re.findall(r"tests/\S+\.py", reason)}
    assert named
    assert [name for name in (*named, *ELSEWHERE.values()) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("target", sorted(text.split()[1] for text in NOT_RUN if text.startswith("make ")))
def test_what_make_would_do_exists(target: str) -> None:
    make = [need("make", "make"), "-n", "-o", ".venv/.ready", target]
    done = subprocess.run(make, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    lines = re.sub(r"\\\n", "", done.stdout).splitlines()
    assert lines
    assert [line for line in lines if not exists(line)] == []


def exists(line: str) -> bool:
    """Say whether the program, and the module or folder, of a line of the Makefile exists."""
    if module := re.search(r"python -m (\S+)", line):
        return importlib.util.find_spec(module[1]) is not None
    if entered := re.match(r"cd (\S+) && (\S+)", line):
        return (ROOT / entered[1]).is_dir() and entered[2] in NEEDED
    program = line.split()[0]
    return program in NEEDED or shutil.which(Path(sys.prefix) / "bin" / Path(program).name) is not None


@pytest.mark.parametrize("text", sorted(text for text in NOT_RUN if "python -m" in text))
def test_the_module_exists_and_takes_the_options(text: str) -> None:
    module, *options = text.split(" -m ")[1].split()
    assert importlib.util.find_spec(module) is not None
    if options:
        help_text = helped(module)
        assert [option for option in options if option not in help_text] == []


def test_a_group_of_cases_that_the_page_names_can_be_run_alone() -> None:
    (group,) = re.findall(r"`--only (\w+)`", (ROOT / "conformance" / "README.md").read_text(encoding="utf-8"))
    assert re.search(rf"--only \{{[^}}]*\b{group}\b", helped("conformance"))


def helped(module: str) -> str:
    """Return what `python -m module --help` prints, in one line."""
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return " ".join(done.stdout.split())
