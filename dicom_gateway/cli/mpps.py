"""`dicom-gateway mpps`: report a performed procedure step as a device does."""

import secrets
from pathlib import Path
from typing import Any

import click
from pydicom import Dataset

from dicom_gateway.cli.opening import opened, order_of
from dicom_gateway.cli.peer import calls_peer, json_option, keys_option, print_json
from dicom_gateway.core.attributes import build_item
from dicom_gateway.core.identifiers import is_uid, mint_uid
from dicom_gateway.core.local_time import local_now
from dicom_gateway.core.model import Order, RequestedProcedure, ScheduledStep
from dicom_gateway.core.status import FINAL
from dicom_gateway.dicom.scu import Answer, Call
from dicom_gateway.dicom.scu_files import nothing_in, read_files
from dicom_gateway.dicom.scu_keys import read_keys
from dicom_gateway.dicom.scu_mpps import Image, create_step, creation, ending, reason_of, set_step
from dicom_gateway.errors import InvalidValue, NotFound
from dicom_gateway.gateway import clock
from dicom_gateway.settings_loading import load_settings


@click.group()
def mpps() -> None:
    """Report performed procedure steps: started, changed, completed, discontinued."""


def _uid(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if value and not is_uid(value):
        raise click.BadParameter("a UID has 1 to 64 digits and dots")
    return value


UID = click.argument("uid", callback=_uid)
KEYS = keys_option("Attribute to send, as DCMTK writes it; over those made here.")


@mpps.command("create")
@calls_peer
@click.option("--from-order", "order_id", default="", help="Id of an order of this gateway that is performed.")
@click.option("--step", default="", help="Scheduled procedure step id; else the order's first open step.")
@click.option("--uid", default="", callback=_uid, help="SOP Instance UID of the performed step; else a new one.")
@KEYS
@json_option
def create(call: Call, order_id: str, step: str, uid: str, keys: tuple[str, ...], as_json: bool) -> None:
    """Report a step as started (N-CREATE) to the peer at HOST PORT, and print its UID.

    Without an order it is an examination that nobody has ordered; -k says of whom.
    """
    item = _item_of_order(order_id, step) if order_id else Dataset()
    item.setdefault("StudyInstanceUID", mint_uid(secrets.randbits))
    attributes = read_keys(keys, creation(item, call.calling_ae_title, _now()))
    uid = uid or mint_uid(secrets.randbits)
    answer = create_step(call, uid, attributes)
    reference = attributes.ScheduledStepAttributesSequence
    study = str(reference[0].get("StudyInstanceUID", "")) if reference else ""
    _print(uid, answer, as_json, study_instance_uid=study or None)


def _item_of_order(order_id: str, step_id: str) -> Dataset:
    """Return the worklist item that a device would have picked."""
    with opened(click.get_current_context()) as gateway:
        order = order_of(gateway, order_id)
    return build_item(order, *_chosen(order, step_id))


def _chosen(order: Order, step_id: str) -> tuple[RequestedProcedure, ScheduledStep]:
    steps = [(procedure, step) for procedure in order.procedures for step in procedure.steps]
    wanted = [pair for pair in steps if (pair[1].id == step_id if step_id else pair[1].status not in FINAL)]
    if not wanted:
        listed = ", ".join(f"{step.id} {step.status}" for _, step in steps)
        raise NotFound(f"order {order.id} has no {f'step {step_id}' if step_id else 'open step'}; it has {listed}")
    return wanted[0]


def _ends(function: Any) -> Any:
    """Give a command what a final N-SET names."""
    for decorate in (
        click.option(
            "--image", "images", multiple=True, metavar="FILE|SOPCLASS:SOPINSTANCE",
            help="An image that was made: a file, a folder, or its UIDs; may be repeated.",
        ),
        click.option("--series", default="", callback=_uid, help="Series of images named by UIDs; else a new one."),
        click.option("--study", default="", callback=_uid, help="Name every image that this gateway has of a study."),
    ):  # fmt: skip
        function = decorate(function)
    return function


@mpps.command("complete")
@calls_peer
@UID
@_ends
@KEYS
@json_option
def complete(
    call: Call, uid: str, images: tuple[str, ...], series: str, study: str, keys: tuple[str, ...], as_json: bool
) -> None:
    """Report the step UID as completed (N-SET) to the peer at HOST PORT."""
    made = ending("COMPLETED", _now(), _images(images, study), series or mint_uid(secrets.randbits))
    _print(uid, set_step(call, uid, read_keys(keys, made)), as_json)


@mpps.command("discontinue")
@calls_peer
@UID
@_ends
@click.option("--reason", default="", help="Code of CID 9300, as 110501; 110514 is the wrong worklist entry.")
@KEYS
@json_option
def discontinue(
    call: Call,
    uid: str,
    images: tuple[str, ...],
    series: str,
    study: str,
    reason: str,
    keys: tuple[str, ...],
    as_json: bool,
) -> None:
    """Report the step UID as discontinued (N-SET) to the peer at HOST PORT."""
    code = reason_of(reason) if reason else None
    made = ending("DISCONTINUED", _now(), _images(images, study), series or mint_uid(secrets.randbits), code)
    _print(uid, set_step(call, uid, read_keys(keys, made)), as_json)


@mpps.command("set")
@calls_peer
@UID
@keys_option("Attribute to send, as DCMTK writes it.")
@json_option
def set_attributes(call: Call, uid: str, keys: tuple[str, ...], as_json: bool) -> None:
    """Send an N-SET of the step UID with just these attributes to the peer at HOST PORT."""
    if not keys:
        raise InvalidValue("name an attribute: -k KEY=VALUE")
    _print(uid, set_step(call, uid, read_keys(keys)), as_json)


def _images(named: tuple[str, ...], study: str) -> list[Image]:
    found: list[Image] = []
    for name in named:
        sop_class, colon, instance = name.partition(":")
        if colon and is_uid(sop_class) and is_uid(instance):
            found.append(Image(sop_class, instance))
        else:
            found += _images_of_files(Path(name))
    return [*found, *_images_of_study(study)] if study else found


def _images_of_files(path: Path) -> list[Image]:
    if not path.exists():
        raise InvalidValue(f"--image {path}: neither a file nor SOPCLASS:SOPINSTANCE")
    objects, others = read_files([path])
    if others:
        raise InvalidValue(f"--image {path}: {others[0][1]}")
    if not objects:
        raise nothing_in([path])
    return [Image(file.sop_class_uid, file.sop_instance_uid, file.series_instance_uid) for file in objects]


def _images_of_study(study: str) -> list[Image]:
    with opened(click.get_current_context()) as gateway:
        _, instances = gateway.studies.get(study)
    headers = [instance.header for instance in instances if instance.current]
    return [Image(h.sop_class_uid, h.sop_instance_uid, h.series_instance_uid) for h in headers]


def _now() -> Any:
    return local_now(clock(), load_settings(click.get_current_context().find_root().obj).zone())


def _print(uid: str, answer: Answer, as_json: bool, **more: object) -> None:
    if as_json:
        print_json({"sop_instance_uid": uid, "status": f"{answer.code:04X}", "meaning": answer.words, **more})
    else:
        click.echo(uid)
