"""`dicom-gateway deliveries`: what the PMS was told, what waits, and another try."""

import json

import click

from dicom_gateway.cli.opening import opened, operator
from dicom_gateway.cli.printing import table, when
from dicom_gateway.core.delivery_answer import event_document
from dicom_gateway.errors import InvalidValue, NotFound
from dicom_gateway.gateway import Gateway, clock
from dicom_gateway.storage.delivery_lines import DeliveryStatus


@click.group()
def deliveries() -> None:
    """List, show and retry what is delivered to each PMS."""


@deliveries.command("list")
@click.option("--status", type=click.Choice([status.value for status in DeliveryStatus]), help="Only of this status.")
@click.option("--target", default="", help="Only to this PMS.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10000), help="At most so many.")
@click.pass_context
def list_deliveries(context: click.Context, status: str | None, target: str, limit: int) -> None:
    """List deliveries, newest first."""
    with opened(context) as gateway:
        rows = [
            (r["event_id"], r["target"], r["type"], r["status"], r["attempts"], when(r["due_at"]), r["detail"])
            for r in gateway.outbox.deliveries(status or "", target, limit)
        ]
        for name, reason in gateway.outbox.paused().items():
            click.echo(f"{name} is paused: {reason}", err=True)
    table(("Event", "Target", "Type", "Status", "Tries", "Due", "Last answer"), rows)


@deliveries.command("show")
@click.argument("event_id")
@click.pass_context
def show(context: click.Context, event_id: str) -> None:
    """Show an event and its deliveries as JSON, as the API does: the envelope without its instances."""
    with opened(context) as gateway:
        event = gateway.outbox.event(event_id)
    click.echo(json.dumps(event_document(event), indent=2, ensure_ascii=False))
    if count := len(json.loads(event["instance_keys"])):
        click.echo(f"left out of the envelope: its instances ({count})", err=True)


@deliveries.command("retry")
@click.argument("event_id", required=False)
@click.option("--target", default="", help="Everything that waits for this PMS.")
@click.pass_context
def retry(context: click.Context, event_id: str | None, target: str) -> None:
    """Send again now what was not delivered: one event, or all of a target; a paused target is resumed."""
    if not event_id and not target:
        raise InvalidValue("name an event or --target")
    with opened(context) as gateway:
        _require(gateway, event_id or "", target)
        count = gateway.outbox.retry(clock(), operator(), event_id or "", target)
        reasons = _why_nothing(gateway, event_id, target) if event_id and not count else []
    for line in reasons or [f"{count} due now"]:
        click.echo(line)


def _why_nothing(gateway: Gateway, event_id: str, target: str) -> list[str]:
    """Return why nothing of an event became due, a line for each target."""
    lines = [
        f"{event_id}: already delivered to {row['target']}; nothing to send"
        if row["status"] == DeliveryStatus.DELIVERED
        else f"{event_id}: is being sent to {row['target']} just now"
        for row in gateway.outbox.event(event_id)["deliveries"]
        if target in ("", row["target"])
    ]
    return lines or [f"{event_id}: there is no PMS that is told of it; nothing to send"]


def _require(gateway: Gateway, event_id: str, target: str) -> None:
    """Raise NotFound unless there is such an event, and such a target of it or, without an event, at all."""
    if event_id:
        known = {row["target"] for row in gateway.outbox.event(event_id)["deliveries"]}
    else:
        known = {pms.name for pms in gateway.settings.pms} | {name for name, _ in gateway.outbox.depth()}
    if target and target not in known:
        raise NotFound(f"no target {target}; known: {', '.join(sorted(known)) or 'none'}")
