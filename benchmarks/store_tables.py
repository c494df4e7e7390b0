"""The tables and the figures of benchmarks/store.py."""

from collections.abc import Iterator

from benchmarks.figures import median, number, table
from benchmarks.sends import CBCT, CELLS, SERVERS, Cell, Found, Send

OURS = "gateway"
PEERS = tuple(name for name in SERVERS if name != OURS)
CLIENTS = {True: "TCP_NODELAY", False: "Nagle's algorithm, as most devices"}
MODES = {True: "nodelay", False: "nagle"}
LARGE_MEGABYTES = 5  # from here on a speed is in megabytes


def speeds(cell: Cell, sends: list[Send]) -> list[float]:
    """Return files a second of each send; of large files, megabytes a second."""
    unit = cell.kind.megabytes if cell.kind.megabytes > LARGE_MEGABYTES else 1
    return [one.files * unit / one.seconds for one in sends]


def tables(medium: str, found: Found) -> list[str]:
    """Return the tables of one medium as Markdown."""
    parts = []
    for nodelay, client in CLIENTS.items():
        if any(_measured(found, nodelay)):
            parts.append(f"### On {medium}, a client with {client}\n\n{_speed_table(found, nodelay)}")
    parts.append(f"### The server's processor time and memory, on {medium}\n\n{_cost_table(found)}")
    return parts


def _speed_table(found: Found, nodelay: bool) -> str:
    rows = []
    for cell in _measured(found, nodelay):
        by_name = {name: speeds(cell, found[cell, name]) for name in SERVERS if (cell, name) in found}
        ours = by_name[OURS]
        row = [f"{cell.kind.name}, {_unit(cell)}", str(cell.associations)]
        row += [number(median(by_name[name])) if name in by_name else "not installed" for name in SERVERS]
        row += [f"{number(min(ours))} to {number(max(ours))}"]
        row += [f"{_ratio(found, cell, peer):.2f}x" if peer in by_name else "-" for peer in PEERS]
        rows.append(row)
    return table(["", "associations", *SERVERS, "gateway's range", *(f"to {peer}" for peer in PEERS)], rows)


def _measured(found: Found, nodelay: bool) -> Iterator[Cell]:
    return (cell for cell in CELLS if cell.nodelay is nodelay and (cell, OURS) in found)


def _unit(cell: Cell) -> str:
    return "MB/s" if cell.kind.megabytes > LARGE_MEGABYTES else "files/s"


def _ratio(found: Found, cell: Cell, peer: str) -> float:
    return median(speeds(cell, found[cell, OURS])) / median(speeds(cell, found[cell, peer]))


def cpu_a_file(sends: list[Send]) -> float:
    """Return the server's processor seconds for one file."""
    return sum(one.cpu_seconds for one in sends) / sum(one.files for one in sends)


def _cost_table(found: Found) -> str:
    """Return what one association with TCP_NODELAY costs."""
    rows = []
    for cell in (cell for cell in _measured(found, True) if cell.associations == 1):
        sends = {name: found.get((cell, name), []) for name in SERVERS}
        per = {"s per 1,000 files": 1000.0, "s per GB": 1000 / cell.kind.megabytes}
        for unit, factor in per.items():
            row = [cell.kind.name, unit]
            rows.append([*row, *(number(factor * cpu_a_file(of)) if of else "not installed" for of in sends.values())])
        if cell.kind is CBCT:
            row = [cell.kind.name, "peak, MB"]
            peaks = (number(max(one.peak_megabytes for one in of)) if of else "not installed" for of in sends.values())
            rows.append([*row, *peaks])
    return table(["", "", *SERVERS], rows)


def figures(medium: str, found: Found) -> dict[str, float]:
    """Return ratios by medium/mode/kind/associations/peer, and the gateway's costs by medium/cost/kind."""
    by_name = {}
    for cell in CELLS:
        if (cell, OURS) not in found:
            continue
        kind = short(cell)
        for peer in PEERS:
            if (cell, peer) in found:
                key = f"{medium}/{MODES[cell.nodelay]}/{kind}/p{cell.associations}/{peer}"
                by_name[key] = _ratio(found, cell, peer)
        if cell.nodelay and cell.associations == 1:
            seconds = cpu_a_file(found[cell, OURS])
            by_name[f"{medium}/cpu a thousand/{kind}"] = 1000 * seconds
            by_name[f"{medium}/cpu a GB/{kind}"] = 1000 / cell.kind.megabytes * seconds
    return by_name


def short(cell: Cell) -> str:
    """Return the first word of a kind."""
    return cell.kind.name.partition(",")[0]
