"""The documentation page and the OpenAPI document: complete, and without an address outside this program."""

import re
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from dicom_gateway.core.order_document import parse_order
from dicom_gateway.errors import InvalidDocument
from dicom_gateway.web.documentation import render
from dicom_gateway.web.examples import EXAMPLE_ORDER


@pytest.fixture
def document(world: Any, port: int) -> dict[str, Any]:
    with world.client(port, "") as stranger:
        document: dict[str, Any] = stranger.get("/api/openapi.json").json()
    return document


@pytest.fixture
def html(world: Any, port: int) -> str:
    with world.client(port, "") as stranger:
        answer = stranger.get("/api/docs")
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self';")
    return answer.text


class Page(HTMLParser):
    """Collects tags, addresses and text; tags must be balanced."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.names: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "action")]
        self.names |= {value or "" for name, value in attrs if name == "id"}
        assert not [name for name, _ in attrs if name == "style" or name.startswith("on")]
        if tag not in ("meta", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_complete_in_itself(client: httpx.Client, html: str) -> None:
    page = Page()
    page.feed(html)
    assert page.open == []
    assert page.tags.isdisjoint({"script", "style", "img", "iframe", "form"})
    assert not re.search(r"https?://|//[a-z]", html)
    for address in page.addresses:
        if address.startswith("#"):
            assert address[1:] in page.names
        else:
            assert client.get(address).status_code == 200
    assert client.get("/api/static/docs.css").headers["content-type"].startswith("text/css")


def test_the_page_shows_every_endpoint_parameter_and_field(html: str, document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        assert f"<code>{path}</code>" in html
        for operation in operations.values():
            assert operation["summary"].replace("'", "&#x27;") in html
            for parameter in operation.get("parameters", ()):
                assert f"<td>{parameter['name']}</td>" in html
    for schema in document["components"]["schemas"].values():
        for field in schema.get("properties", ()):
            assert f"<td>{field}</td>" in html
        assert " | ".join(schema.get("enum", ())) in html


def test_what_the_document_says_is_escaped() -> None:
    hostile = '<script>"&`<b>`'
    operation = {
        "tags": [hostile],
        "summary": hostile,
        "description": hostile,
        "responses": {
            "200": {"description": hostile, "content": {hostile: {"schema": {"type": hostile}, "example": hostile}}}
        },
    }
    info = {"title": hostile, "version": hostile, "description": hostile}
    schemas = {hostile: {"properties": {hostile: {"type": hostile}}, "description": hostile}}
    html = render({"info": info, "paths": {hostile: {"get": operation}}, "components": {"schemas": schemas}})
    assert "<script" not in html and "<b>" not in html


def test_every_call_says_what_it_needs_and_answers(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for operation in operations.values():
            statuses = set(operation["responses"])
            if path.startswith("/api/v1"):
                assert operation["security"] == [{"HTTPBearer": []}]
                assert {"401", "403", "429", "500", "503"} <= statuses
            else:
                assert "security" not in operation
            if "requestBody" in operation:
                assert {"400", "408", "413", "415", "422"} <= statuses
    assert set(document["paths"]["/api/v1/orders"]["post"]["responses"]) >= {"200", "201", "409"}


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = set(re.findall(r"'\$ref': '#/components/schemas/(\w+)'", str(document)))
    assert references <= set(document["components"]["schemas"])
    assert {"OrderDocument", "OrderBatch", "Problem", "StepDocument"} <= references
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_operations_have_names_of_their_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for operations in document["paths"].values() for operation in operations.values()]
    assert len(set(names)) == len(names)


def test_what_the_schema_calls_optional_may_be_null(world: Any, document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    required = schemas["OrderDocument"]["required"]
    assert set(required) == {"source", "placer_order_number", "patient", "procedures"}

    def nulls(name: str) -> dict[str, None]:
        fields = schemas[name]["properties"]
        optional = [field for field in fields if field not in schemas[name].get("required", ())]
        assert all({"type": "null"} in fields[field]["anyOf"] for field in optional)
        return dict.fromkeys(optional)

    order = EXAMPLE_ORDER | nulls("OrderDocument")
    order["patient"] = EXAMPLE_ORDER["patient"] | nulls("PatientDocument")
    step = EXAMPLE_ORDER["procedures"][0]["steps"][0] | nulls("StepDocument")
    order["procedures"] = [EXAMPLE_ORDER["procedures"][0] | nulls("ProcedureDocument") | {"steps": [step]}]
    parse_order(order, world.services.zone)
    with pytest.raises(InvalidDocument):
        parse_order(order | dict.fromkeys(required), world.services.zone)
