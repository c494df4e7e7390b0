"""`dicom-gateway messages`: what came and went by HL7, and what became of it."""

import sys

import click

from dicom_gateway.cli.opening import opened
from dicom_gateway.cli.peer import json_option, print_json
from dicom_gateway.cli.printing import table, when
from dicom_gateway.core.identifiers import printable
from dicom_gateway.core.message_answer import message_document, message_summary, readable
from dicom_gateway.storage.messages import Direction, MessageFilter

LONGEST_LINE = 10_000  # characters of a segment; a picture in one fills no terminal


@click.group()
def messages() -> None:
    """List and show the HL7 messages that came and went."""


@messages.command("list")
@click.option("--direction", type=click.Choice([one.value for one in Direction]), help="Only what came, or went.")
@click.option("--peer", default="", help="Only from this source, or to this target.")
@click.option("--type", "kind", default="", help="Only of this type, such as ORM^O01.")
@click.option("--outcome", default="", help="Only of this outcome: AA, AE, AR, interrupted.")
@click.option("--order", default="", help="Only about the order of this id.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10000), help="At most so many.")
@json_option
@click.pass_context
def list_messages(
    context: click.Context,
    direction: str | None,
    peer: str,
    kind: str,
    outcome: str,
    order: str,
    limit: int,
    as_json: bool,
) -> None:
    """List messages, newest first."""
    wanted = MessageFilter(
        direction=direction or "", peer=peer, type=kind, outcome=outcome, order_id=order, limit=limit
    )
    with opened(context) as gateway:
        rows = gateway.messages.find(wanted)
    if as_json:
        print_json([message_summary(row) for row in rows])
        return
    cells = [
        (row["key"], when(row["at"]), row["direction"], row["peer"], row["type"], row["control_id"], row["outcome"],
         row["repeats"] or "", row["detail"])
        for row in rows
    ]  # fmt: skip
    table(("Id", "At", "Way", "Peer", "Type", "Control id", "Outcome", "Repeats", "Detail"), cells)


@messages.command("show")
@click.argument("message_id", type=click.IntRange(1, 2**63 - 1))
@click.option("--raw", is_flag=True, help="Write the message byte for byte, and nothing else.")
@json_option
@click.pass_context
def show(context: click.Context, message_id: int, raw: bool, as_json: bool) -> None:
    """Show the message of the id that the list has, a line a segment, and its answer."""
    with opened(context) as gateway:
        row = gateway.messages.get(message_id)
    if raw:
        sys.stdout.buffer.write(row["raw"])
        return
    if as_json:
        print_json(message_document(row))
        return
    for name, value in message_summary(row).items():
        click.echo(f"{name.replace('_', ' '):<14}{printable(str('' if value is None else value), 2000)}".rstrip())
    click.echo(f"{'orders':<14}{' '.join(row['order_ids'])}".rstrip())
    for heading, data in (("message", row["raw"]), ("answer", row["answer"])):
        click.echo(f"\n{heading}:")
        for line in readable(data).replace("\r\n", "\r").replace("\n", "\r").split("\r"):
            if line:
                click.echo(f"  {printable(line, LONGEST_LINE)}")
