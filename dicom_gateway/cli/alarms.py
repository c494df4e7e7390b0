"""`dicom-gateway alarms`: what a person should look at, and that they have."""

import click

from dicom_gateway.cli.opening import opened, operator
from dicom_gateway.cli.printing import table, when
from dicom_gateway.gateway import clock


@click.group()
def alarms() -> None:
    """List and clear what a person should look at."""


@alarms.command("list")
@click.pass_context
def list_alarms(context: click.Context) -> None:
    """List alarms, newest first."""
    with opened(context) as gateway:
        rows = [
            (row["key"], row["kind"], row["subject"], row["detail"], row["count"], when(row["raised_at"]))
            for row in gateway.audit.alarms()
        ]
    table(("Id", "Kind", "Subject", "Detail", "Count", "Raised"), rows)


@alarms.command("clear")
@click.argument("alarm_id", type=click.IntRange(1, 2**63 - 1))
@click.pass_context
def clear(context: click.Context, alarm_id: int) -> None:
    """End the alarm ALARM_ID, because you have seen to it; it comes again when its reason does."""
    with opened(context) as gateway:
        row = gateway.audit.clear(alarm_id, operator(), clock())
    click.echo(f"cleared {row['kind']}: {row['subject']}")
