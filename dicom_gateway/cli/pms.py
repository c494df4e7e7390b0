"""`dicom-gateway pms`: the connections to practice management systems."""

import json
import sys

import click

from dicom_gateway.cli.opening import opened
from dicom_gateway.core.envelope import Event, EventType, envelope
from dicom_gateway.errors import NotFound
from dicom_gateway.gateway import clock


@click.group()
def pms() -> None:
    """Test the connections to practice management systems."""


@pms.command("test")
@click.argument("name")
@click.pass_context
def test(context: click.Context, name: str) -> None:
    """Send a test event to the PMS of that NAME, now and once, and print its answer: signed to a webhook, by HL7 as a
    message NMD^N02."""
    with opened(context) as gateway:
        sink = gateway.sinks().get(name)
        if sink is None:
            known = ", ".join(p.name for p in gateway.settings.pms) or "none"
            raise NotFound(f"no [[pms]] is named {name}; configured: {known}")
        now = clock()
        event_id = f"evt_test_{now}"
        payload = json.dumps(envelope(event_id, Event(EventType.TEST, now))).encode()
        outcome = sink.deliver(event_id, now, payload)
    click.echo(f"{name}: {'delivered' if outcome.delivered else 'failed'}: {outcome.detail}")
    if not outcome.delivered:
        sys.exit(1)
