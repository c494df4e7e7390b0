"""`dicom-gateway patients`: two records of one patient become one, and two again."""

import click

from dicom_gateway.cli.opening import opened, operator
from dicom_gateway.cli.peer import json_option, print_json
from dicom_gateway.cli.printing import table, when
from dicom_gateway.core.merge_document import merge_document, parse_merge
from dicom_gateway.storage.merging import Changed


@click.group()
def patients() -> None:
    """Merge records of one patient, and undo it."""


@patients.command("merge")
@click.argument("old_id")
@click.argument("survivor_id")
@click.option("--issuer", default="", help="Who gave both ids, as the orders name it.")
@click.option("--source", default="", help="Of which source both ids are, when they have no issuer.")
@click.pass_context
def merge(context: click.Context, old_id: str, survivor_id: str, issuer: str, source: str) -> None:
    """Let SURVIVOR_ID stand for OLD_ID: orders that have not ended move, what comes later follows."""
    asked = parse_merge({"old_id": old_id, "survivor_id": survivor_id, "issuer": issuer, "source": source})
    with opened(context) as gateway:
        done = gateway.patients.merge(
            (asked.issuer, asked.survivor_id),
            (asked.issuer, asked.old_id),
            operator(),
            source=asked.source,
            only_known=True,
        )
    if done.is_new:
        _say(f"merge {done.merge.key}", done)
    else:
        click.echo(f"merge {done.merge.key} holds already")


@patients.command("unmerge")
@click.argument("merge_id", type=click.IntRange(1, 2**63 - 1))
@click.pass_context
def unmerge(context: click.Context, merge_id: int) -> None:
    """Undo the merge MERGE_ID, as `patients merges` lists it."""
    with opened(context) as gateway:
        done = gateway.patients.unmerge(merge_id, operator())
    _say(f"merge {merge_id} undone", done)
    for order_id in done.left:
        click.echo(f"order {order_id} has ended and stays with {done.merge.survivor_id}", err=True)


def _say(what: str, done: Changed) -> None:
    count = len(done.order_ids)
    click.echo(f"{what}: {count} order{'' if count == 1 else 's'} changed")


@patients.command("merges")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10000), help="At most so many.")
@json_option
@click.pass_context
def merges(context: click.Context, limit: int, as_json: bool) -> None:
    """List merges, newest first, those that were undone too."""
    with opened(context) as gateway:
        found = gateway.patients.merges(limit)
    if as_json:
        print_json([merge_document(one) for one in found])
        return
    rows = [
        (one.key, one.old_id, one.survivor_id, one.issuer or one.source, one.kind, one.who, when(one.at),
         when(one.undone_at))
        for one in found
    ]  # fmt: skip
    table(("Id", "Old id", "Survivor id", "Issuer or source", "Kind", "Who", "Since", "Undone"), rows)
