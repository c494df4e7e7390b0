"""docs/page.md says of every route of the page who may use it: the table is made from the one that decides."""

from collections import defaultdict

from dicom_gateway.core.users import UserRole
from dicom_gateway.web.pages.permissions import PAGES
from tests.docs.pages import read


def right_table() -> str:
    """Return the table: a row for what the same roles may do at one path."""
    methods = defaultdict(list)
    for (method, path), roles in sorted(PAGES.items(), key=lambda item: (item[0][1], item[0][0])):
        methods[path, frozenset(roles)].append(method)
    heads = [role.value.capitalize() for role in UserRole]
    lines = [f"| Path | Method | {' | '.join(heads)} |", f"|---|---|{'---|' * len(heads)}"]
    for (path, roles), names in methods.items():
        cells = " | ".join("yes" if role in roles else "" for role in UserRole)
        lines.append(f"| `{path}` | {', '.join(names)} | {cells} |")
    return "\n".join(lines)


def test_who_may_do_what_stands_there() -> None:
    found = read("docs/page.md").split("<!-- pages -->")[1].split("<!-- /pages -->")[0].strip()
    assert found == right_table(), f"docs/page.md must have between its marks:\n{right_table()}"
