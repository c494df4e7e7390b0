"""Adding a connection, and changing one: by webhook or by HL7, tested before it is saved.

A secret and a token are shown on the page that answers the form, once; nothing shows them again.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from dicom_gateway.core.local_settings import SECRET, LocalKind, LocalSetting
from dicom_gateway.errors import Conflict, InvalidDocument, InvalidValue
from dicom_gateway.storage.tokens import Role
from dicom_gateway.web.pages import connection_forms as forms
from dicom_gateway.web.pages.connection_words import MAPS, TEMPLATES, Tested, choices, tested
from dicom_gateway.web.pages.connections import ADDRESS, set_elsewhere
from dicom_gateway.web.pages.frame import LONGEST_FIELD, Form, Submitted, Visit, Visiting, errors_by_field
from dicom_gateway.web.pages.language import gettext as _

Refusal = (InvalidValue, InvalidDocument, Conflict)
MOST_TOKENS: Final = 50  # of one name
_OWN_WORDS: Final = (  # field, how the error begins, what is said instead
    ("secret", "", _("Enter the secret as it was made: whsec_ and the letters and digits behind it.")),
    ("host", "would send", _("Beyond the practice's own network it must be encrypted: tick TLS.")),
    ("port", "is 0", _("Enter the port on which the PMS listens.")),
)
SAVED: Final = _("Saved. It takes effect within half a minute.")

router = APIRouter(include_in_schema=False)


@router.get("/connections/new")
def choose(visit: Visiting) -> Response:
    """Ask how the PMS talks."""
    return visit.page("connection_new.html", first=_is_first(visit))


@router.get("/connections/new/webhook")
def new_webhook(visit: Visiting) -> Response:
    """Ask for a PMS that takes webhooks; its secret is made here."""
    return _form(visit, "webhook", forms.empty_values(secret=forms.new_secret(), token=True))


@router.get("/connections/new/hl7")
def new_hl7(visit: Visiting) -> Response:
    """Ask for a PMS that speaks HL7."""
    return _form(visit, "hl7", forms.empty_values(port="2575", ways=(forms.OUT, forms.IN)))


@router.post("/connections/new/webhook")
def add_webhook(visit: Visiting, form: Submitted) -> Response:
    """Test a webhook, or add it with its token."""
    values = {**forms.filled_in(form), "token": form.has("token")}
    try:
        document = forms.webhook_of(form)
        if form.text("do") == "test":
            return _form(visit, "webhook", values, report=_tested(visit, document))
        _check(visit, form, _NEEDED["webhook"], {LocalKind.PMS: document})
        _add(visit, LocalKind.PMS, document)
        token = _new_token(visit, form) if form.has("token") else ("", "")
    except Refusal as error:
        return _form(visit, "webhook", values, _errors(visit, error))
    return _made(visit, document, *token)


@router.post("/connections/new/hl7")
def add_hl7(visit: Visiting, form: Submitted) -> Response:
    """Test an HL7 connection, or add it: results to the PMS, orders from it, or both."""
    values = forms.filled_in(form)
    wanted = {way: make for way, make in _WAYS.items() if way in form.all("ways")}
    try:
        if form.text("do") == "test":
            return _form(visit, "hl7", values, report=_tested(visit, forms.hl7_of(form)))
        if not wanted:
            raise InvalidValue("choose at least one of the two", "ways")
        kept = {kind: document_of(form) for kind, document_of in wanted.values()}
        _check(visit, form, _NEEDED["hl7"] if LocalKind.PMS in kept else ("name",), kept)
        for kind, document in kept.items():
            _add(visit, kind, document)
    except Refusal as error:
        return _form(visit, "hl7", values, _errors(visit, error))
    document = kept.get(LocalKind.PMS, {"name": form.text("name"), "type": "hl7"})
    return _made(visit, document, takes_orders=LocalKind.HL7_SOURCE in kept)


@router.get("/connections/pms/{name}")
def show_pms(visit: Visiting, name: str) -> Response:
    """Show a PMS to be changed."""
    if (other := set_elsewhere(visit, LocalKind.PMS, name)) is not None:
        return other
    stored = visit.services.connections.store.get(LocalKind.PMS, name)
    return _form(visit, stored.document["type"], forms.values_of(LocalKind.PMS, stored.document), name=name)


@router.post("/connections/pms/{name}")
def change_pms(visit: Visiting, form: Submitted, name: str) -> Response:
    """Test a PMS with other values, or change it."""
    stored = visit.services.connections.store.get(LocalKind.PMS, name)
    kind = stored.document["type"]
    values = {**forms.filled_in(form), "name": name}
    try:
        document = _renewed(stored, forms.DOCUMENTS[kind](form))
        if form.text("do") == "test":
            return _form(visit, kind, values, report=_tested(visit, document), name=name)
        if form.has("renew_secret"):
            document[SECRET] = forms.new_secret()
        _put(visit, LocalKind.PMS, document)
    except Refusal as error:
        return _form(visit, kind, values, _errors(visit, error), name=name)
    return _made(visit, document) if form.has("renew_secret") else visit.go(ADDRESS, SAVED)


@router.get("/connections/source")
def show_source(visit: Visiting, name: str = "") -> Response:
    """Show an HL7 source to be changed."""
    if (other := set_elsewhere(visit, LocalKind.HL7_SOURCE, name)) is not None:
        return other
    stored = visit.services.connections.store.get(LocalKind.HL7_SOURCE, name)
    return _source_form(visit, name, forms.values_of(LocalKind.HL7_SOURCE, stored.document))


@router.post("/connections/source")
def change_source(visit: Visiting, form: Submitted) -> Response:
    """Change an HL7 source."""
    name = form.text("name")
    stored = visit.services.connections.store.get(LocalKind.HL7_SOURCE, name)
    try:
        _put(visit, LocalKind.HL7_SOURCE, _renewed(stored, forms.source_of(form)))
    except Refusal as error:
        return _source_form(visit, name, {**forms.filled_in(form), "name": name}, _errors(visit, error))
    return visit.go(ADDRESS, SAVED)


_WAYS: Final[Mapping[str, tuple[LocalKind, Callable[[Form], dict[str, Any]]]]] = {
    forms.OUT: (LocalKind.PMS, forms.hl7_of),
    forms.IN: (LocalKind.HL7_SOURCE, forms.source_of),
}


_NEEDED: Final = {"webhook": ("name", "url", "secret"), "hl7": ("name", "host")}


def _renewed(stored: LocalSetting, filled: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored document with what was filled in; what the form does not show stays."""
    kept = {name: value for name, value in stored.document.items() if name not in (*forms.FIELDS, "tls", "sources")}
    secret = {SECRET: stored.document[SECRET]} if SECRET in stored.document else {}
    return {**kept, **filled, **secret, "name": stored.name}


def _check(visit: Visit, form: Form, needed: Sequence[str], documents: Mapping[LocalKind, Mapping[str, Any]]) -> None:
    """Raise InvalidDocument for everything that is wrong with these documents at once, fields left empty among it."""
    empty = [name for name in needed if not form.text(name, LONGEST_FIELD)]
    found = [InvalidValue("is required", name) for name in empty]
    silent = {*empty, *(f"{name}_file" for name in empty)}  # a secret may come from a file, which no form can name
    for kind, document in documents.items():
        try:
            visit.services.connections.check(kind, document)
        except InvalidDocument as error:
            found += [one for one in error.errors if one.field not in silent]
    if found:
        raise InvalidDocument(found)


def _tested(visit: Visit, document: Mapping[str, Any]) -> Tested:
    return tested(visit.services.connections.try_document(document))


def _errors(visit: Visit, error: Exception) -> dict[str, str]:
    """Return what is wrong at the fields of the form; on top of it what belongs to none of them."""
    found: dict[str, str] = {}
    for name, text in errors_by_field(error).items():
        own = next((words for field, begin, words in _OWN_WORDS if field == name and text.startswith(begin)), None)
        found.setdefault(name if name in (*forms.FIELDS, "ways") else "", visit.say(own) if own else text)
    return found


def _add(visit: Visit, kind: LocalKind, document: Mapping[str, Any]) -> None:
    visit.services.connections.store.add(LocalSetting(kind, document["name"], document), visit.actor)


def _put(visit: Visit, kind: LocalKind, document: Mapping[str, Any]) -> None:
    visit.services.connections.check(kind, document)
    visit.services.connections.store.put(LocalSetting(kind, document["name"], document), visit.actor)


def _new_token(visit: Visit, form: Form) -> tuple[str, str]:
    """Return a new token for the orders of a PMS, and its name: names of revoked ones are not used again."""
    name, source = form.text("name"), forms.source_name(form)
    for number in range(1, MOST_TOKENS):
        chosen = name if number == 1 else f"{name}-{number}"
        with suppress(Conflict):
            return visit.services.tokens.create(chosen, Role.PMS, source, visit.actor), chosen
    raise Conflict(f"there are too many tokens named {name}")


def _made(
    visit: Visit, document: Mapping[str, Any], token: str = "", token_name: str = "", takes_orders: bool = False
) -> Response:
    """Show what to enter in the PMS: its secrets, this once; for HL7 where results and, `takes_orders`, orders go."""
    base = visit.services.public_url or str(visit.request.base_url).rstrip("/")
    return visit.page(
        "connection_made.html",
        document=document,
        secret=document.get(SECRET, ""),
        token=token,
        token_name=token_name,
        results_to=document.get("host", ""),
        takes_orders=takes_orders,
        api=f"{base}/api/v1/orders",
        docs=f"{base}/api/docs",
        known=visit.services.connections.known(),
        first=_is_first(visit),
    )


def _is_first(visit: Visit) -> bool:
    """Say whether this is a step of the first start, which then goes on."""
    return bool(visit.request.query_params.get("first"))


def _form(
    visit: Visit, kind: str, values: Mapping[str, Any], errors: Mapping[str, str] | None = None,
    report: Tested | None = None, name: str = "",
) -> Response:  # fmt: skip
    services = visit.services.connections
    return visit.page(
        f"connection_{kind}.html",
        status=422 if errors else 200,
        errors=errors or {},
        values=values,
        report=report,
        name=name,
        maps=choices(services.maps, MAPS),
        templates=choices(services.templates, TEMPLATES),
        known=services.known(),
        first=_is_first(visit),
    )


def _source_form(
    visit: Visit, name: str, values: Mapping[str, Any], errors: Mapping[str, str] | None = None
) -> Response:
    services = visit.services.connections
    return visit.page(
        "connection_source.html",
        status=422 if errors else 200,
        errors=errors or {},
        values=values,
        name=name,
        maps=choices(services.maps, MAPS),
        known=services.known(),
    )
