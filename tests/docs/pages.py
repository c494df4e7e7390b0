"""Finds the commands that the pages tell a reader to type: each with its page and line, as it stands there.

A command is a line of a ```sh block, an indented line, a code span, or the end of a comment in a block, wherever it
begins with the name of a program and has arguments; and the signatures of our own commands in docs/commands.md.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dicom_gateway.cli.root import cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
    "conformance/README.md",
    "benchmarks/README.md",
    "sample_data/README.md",
)
SIGNATURES = "docs/commands.md"

_PROGRAM = (
    r"(?:dicom-gateway|make|python3?|pip|uv|node|npm|apt-get|sudo|systemctl|findscu|storescu|echoscu|dcmsend|dcmdump"
    r"|echo|curl|kill|\.venv/bin/\S+|[\w/]+\.py)(?= )"
)
_COMMAND = re.compile(rf"{_PROGRAM} \S.*")
_INDENTED = re.compile(rf"(?:    |\t)({_PROGRAM} .*)")
_IN_COMMENT = re.compile(rf"#.*[:,] ({_PROGRAM} .*)")
_OURS = re.compile(rf"(?:{'|'.join(cli.commands)}) .+")
_ASSIGNMENT = re.compile(r"(?:export )?\w+=")
_SPAN = re.compile(r"`([^`]+)`")
_FENCE = re.compile(r"```(\w*)$")


@dataclass(frozen=True, slots=True)
class Command:
    """What a page tells to type; `line` counts from 1."""

    page: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the number of its first line, and its text."""

    page: str
    line: int
    language: str
    text: str


def read(page: str) -> str:
    """Return the text of a page, which is named from the root of the project."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[Block]:
    """Return the fenced blocks of a language, in order."""
    return [block for block in _fenced(page) if block.language == language]


def _fenced(page: str) -> Iterator[Block]:
    begun, language, held = 0, "", list[str]()
    for number, line in enumerate(read(page).splitlines(), 1):
        fence = _FENCE.match(line)
        if fence and not begun:
            begun, language, held = number + 1, fence[1], []
        elif fence:
            yield Block(page, begun, language, "".join(f"{kept}\n" for kept in held))
            begun = 0
        elif begun:
            held.append(line)


def block_commands(block: Block) -> Iterator[Command]:
    """Yield the commands of a ```sh block: continued lines joined, without assignments and comments."""
    number = block.line
    for whole in re.findall(r"(?:[^\n]*\\\n)*[^\n]*\n", block.text):
        text = _without_comment(re.sub(r"\\\n\s*", "", whole))
        if text and not _ASSIGNMENT.match(text):
            yield Command(block.page, number, text)
        number += whole.count("\n")


def commands(page: str, with_blocks: bool = True) -> list[Command]:
    """Return every command of a page, in the order of its lines; `with_blocks` those of ```sh blocks too."""
    found = list(_in_text(page))
    for block in _fenced(page):
        if block.language == "sh" and with_blocks:
            found += block_commands(block)
        found += _in_comments(block)
    return sorted(found, key=lambda command: command.line)


def _in_comments(block: Block) -> Iterator[Command]:
    for number, line in enumerate(block.text.splitlines(), block.line):
        if told := _IN_COMMENT.search(line):
            yield Command(block.page, number, told[1])


def _in_text(page: str) -> Iterator[Command]:
    """Yield what stands outside of fenced blocks: indented lines, and code spans, which may go on in the next line."""
    text = re.sub(r"^```.*?^```$", lambda fenced: "\n" * fenced[0].count("\n"), read(page), flags=re.DOTALL | re.M)
    number = 1
    for paragraph in re.findall(r".*?\n(?:\s*\n|$)", text, re.DOTALL):
        for offset, line in enumerate(paragraph.splitlines()):
            if indented := _INDENTED.match(line):
                yield Command(page, number + offset, _without_comment(indented[1]))
        for span in _SPAN.finditer(paragraph):
            said = " ".join(span[1].split())
            if _COMMAND.fullmatch(said) or (page == SIGNATURES and _is_ours(said, paragraph[: span.start()])):
                yield Command(page, number + paragraph[: span.start()].count("\n"), said)
        number += paragraph.count("\n")


def _is_ours(said: str, before: str) -> bool:
    """Say whether a span is a signature, which begins a row of the table, or a command of ours with an option."""
    return bool(_OURS.fullmatch(said)) and (before.endswith("\n| ") or " -" in said)


def _without_comment(line: str) -> str:
    return re.sub(r"(?:^|\s+)# .*", "", line).strip()
