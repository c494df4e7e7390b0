"""The API described for people: one page made from the OpenAPI document, complete in itself.

No script, no address outside this program: it works in a practice without internet, and under a strict policy.
"""

import json
from collections.abc import Sequence
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from dicom_gateway.web.roles import ROLES

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_METHODS = {"get", "post", "put", "patch", "delete"}
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; color: #1a1a1a; }
h2 { border-bottom: 1px solid #ccc; margin-top: 3rem; text-transform: capitalize; }
section { border: 1px solid #ddd; border-radius: 6px; margin: 1.5rem 0; padding: 0 1rem 1rem; }
code, pre { font: 14px/1.4 ui-monospace, monospace; }
pre { background: #f5f5f5; border-radius: 4px; overflow-x: auto; padding: .75rem; }
table { border-collapse: collapse; margin: .5rem 0; width: 100%; }
th, td { border-bottom: 1px solid #e5e5e5; padding: .25rem .5rem .25rem 0; text-align: left; vertical-align: top; }
.method { border-radius: 4px; background: #0b5394; color: #fff; padding: .1rem .5rem; }
@media (prefers-color-scheme: dark) {
  body { background: #161616; color: #e8e8e8; } pre { background: #242424; } a { color: #8ab4f8; }
  section { border-color: #3a3a3a; } th, td { border-color: #333; }
}
"""

router = APIRouter(include_in_schema=False)


@router.get("/api/docs")
async def documentation(request: Request) -> Response:
    """Show the page."""
    html = render(request.app.openapi())
    return HTMLResponse(html, headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-cache"})


@router.get("/api/static/docs.css")
async def style() -> Response:
    """Give the page's style sheet."""
    return Response(_STYLE, media_type="text/css", headers={"Cache-Control": "no-cache"})


def render(document: dict[str, Any]) -> str:
    """Return the page of an OpenAPI document."""
    by_tag: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if method in _METHODS:
                by_tag.setdefault(operation["tags"][0], []).append(_operation(method.upper(), path, operation))
    parts = [f'<h2 id="{escape(tag)}">{escape(tag)}</h2>' + "".join(shown) for tag, shown in by_tag.items()]
    schemas = document["components"]["schemas"]
    parts.append("<h2>schemas</h2>" + "".join(_schema(name, schema) for name, schema in schemas.items()))
    title = f"{escape(document['info']['title'])} {escape(document['info']['version'])}"
    links = " · ".join(f'<a href="#{escape(tag)}">{escape(tag)}</a>' for tag in by_tag)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/api/static/docs.css"></head>'
        f"<body><h1>{title}</h1><p>{_text(document['info']['description'])}</p><p>{links} · "
        f'<a href="/api/openapi.json">OpenAPI document</a></p>{"".join(parts)}</body></html>'
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    roles = ROLES.get((method, path))
    who = f"Token of the role {', '.join(sorted(roles))}." if roles else "No token needed."
    parts = [
        f'<h3><span class="method">{escape(method)}</span> <code>{escape(path)}</code></h3>',
        f"<p><strong>{escape(operation['summary'])}.</strong> {_text(operation.get('description', ''))} {who}</p>",
    ]
    rows = [
        (p["name"], p["in"], _type(p["schema"]), "yes" if p.get("required") else "", _note(p))
        for p in operation.get("parameters", ())
    ]
    parts.append(_table(("parameter", "in", "type", "required", ""), rows))
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"<h4>Body ({escape(media_type)}): {_link(content['schema'])}</h4>{_json(content['example'])}")
    parts.append("<h4>Answers</h4>" + _answers(operation["responses"]))
    return f"<section>{''.join(parts)}</section>"


def _answers(responses: dict[str, Any]) -> str:
    rows = []
    examples: dict[str, None] = {}
    for status, answer in responses.items():
        for media_type, content in answer.get("content", {}).items():
            rows.append((status, media_type, answer["description"]))
            if "example" in content:
                examples[f"<h5>{_link(content['schema'])}</h5>{_json(content['example'])}"] = None
    return _table(("status", "type", ""), rows) + "".join(examples)


def _schema(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", ())
    rows = [
        (field, _type(inner), "yes" if field in required else "", _note(inner))
        for field, inner in schema.get("properties", {}).items()
    ]
    head = f'<h3 id="{escape(name)}">{escape(name)}</h3><p>{_text(schema.get("description", ""))}</p>'
    if "properties" not in schema:
        return f"<section>{head}<p>{escape(_type(schema))}</p></section>"
    return f"<section>{head}{_table(('field', 'type', 'required', ''), rows)}</section>"


def _type(schema: dict[str, Any]) -> str:
    """Return the type that a schema says, in short."""
    if "$ref" in schema:
        return str(schema["$ref"]).rsplit("/", 1)[-1]
    if "enum" in schema:
        return " | ".join(str(value) or '""' for value in schema["enum"])
    if "anyOf" in schema:
        return " | ".join(dict.fromkeys(_type(choice) for choice in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    limits = [f"{word} {schema[key]}" for key, word in _LIMITS.items() if key in schema]
    return " ".join([schema.get("format", schema.get("type", "any")), *limits])


_LIMITS = {
    "maxLength": "up to", "minimum": "from", "maximum": "to", "exclusiveMinimum": "above", "exclusiveMaximum": "below",
}  # fmt: skip


def _note(schema: dict[str, Any]) -> str:
    default = schema.get("default", schema.get("schema", {}).get("default"))
    text = str(schema.get("description", ""))
    return f"{text} (default {default})".strip() if default not in (None, "", []) else text


def _link(schema: dict[str, Any]) -> str:
    name = escape(_type(schema))
    return f'<a href="#{name}">{name}</a>'


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    lines = ["".join(f"<td>{_text(cell)}</td>" for cell in row) for row in rows]
    heads = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    return f"<table><tr>{heads}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _text(text: str) -> str:
    """Return text as HTML, what stands in backticks as code."""
    parts = [escape(part) for part in text.split("`")]
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


def _json(value: object) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"
