"""The API's description: what each route accepts and returns, every problem with its code, examples."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema

from gateway.edge.fields import IDEMPOTENCY_KEY, may_be_left_out
from gateway.edge.problems import PROBLEMS, Problem
from gateway.openapi import examples, schemas
from gateway.openapi.responses import REF, DocumentedResponse, Schema, ref
from malipo.contracts.descriptor import Details
from malipo.contracts.events import EVENT_TYPES, OperationView, PaymentMethodView, PaymentView

DESCRIPTION = """
Take payments through one API. Money moves at most once: every `POST` carries an `Idempotency-Key`, and sending it again
with the same key is safe for seven days. `PUT` and `DELETE` take one too and may go without: the second has no further effect.

* **Amounts** are integers in the currency's minor unit.
* **Errors** are `application/problem+json` (RFC 9457) with a stable `code`, and `retry`, which says whether to send
  the same again, after how many seconds, and whether with the same key.
* **Changes** come by webhooks in order (`sequence` counts per payment without gaps), by `GET /v1/events?after=` when you
  missed some, and by `GET /v1/payments/{id}/timeline`; `GET /v1/payments/{id}/explain` shows in plain words where a
  payment stands and what you may safely do.
* **Rate limits**: `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` are on each answer to a known key.
* **HEAD** is answered wherever `GET` is, and any other method that is not described with 405, `method_not_allowed` and
  what is in `Allow`; a path that is not described with 404, `route_unknown`. `Accept` is not looked at: answers are JSON.
* **Before a request is read**, or where a proxy reaches nobody, it may be answered with 400 `request_malformed`, 408
  `headers_too_slow`, 431 `headers_too_large`, 502 `service_unreachable`, 503 `too_many_connections`, 504 `answer_too_late` or
  505 `http_version_unsupported`: problems too, without an `instance`.

## Webhooks

Webhooks follow [Standard Webhooks](https://www.standardwebhooks.com): take one of its libraries, or check the signature
yourself. Each `POST` carries `webhook-id` (the event's id), `webhook-timestamp` (seconds since 1970) and
`webhook-signature` (one or more of `v1,` and a base64 HMAC-SHA256, with blanks between). The endpoint's secret is
`whsec_` and the key in base64.

```python
def is_ours(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
    fresh = abs(time.time() - int(headers["webhook-timestamp"])) < 300
    return fresh and any(hmac.compare_digest(expected, given) for given in headers["webhook-signature"].split())
```

* **Answer 2xx quickly** and work afterwards. The status line decides: a body is never needed, and one that breaks off
  changes nothing. Any other answer, or none within 15 seconds, is tried again over three days; `410` ends the endpoint.
* **An event may come twice**: keep each `webhook-id` that you have handled, and answer 2xx to it again.
* **Order**: `data.sequence` counts from 1 without gaps per payment, and events of one payment come in that order. Only
  when one has failed at your endpoint for ten minutes do the later ones go past it; it is still tried, and comes late.
  While that lasts they carry `malipo-still-retried`, with the lowest number that you lack (a hint: it is not signed).
  An event below the highest number that you have handled is older: the later one shows the payment as it is.
"""

# From `spec` to `describe`; not in the document.
_KEY_REQUIRED = "x-key-required"
_TAKEN, _GIVEN = "x-schemas-of-body", "x-schemas-of-answers"

_HINTS = {
    "malipo-attempt": "Counts the attempts at this event and endpoint from 1.",
    "malipo-still-retried": "The lowest `data.sequence` of this payment that failed for long, and that this event went past.",
}
_EVERYWHERE = (
    "api_key_missing",
    "api_key_invalid",
    "api_key_revoked",
    "api_key_expired",
    "scope_missing",
    "rate_limited",
    "header_repeated",
    "parameter_unknown",
    "internal_error",
    "database_unavailable",
)
_WITH_BODY = (
    "body_missing",
    "json_malformed",
    "json_duplicate_member",
    "body_too_large",
    "body_too_slow",
    "unsupported_media_type",
    "field_missing",
    "field_unknown",
    "type_wrong",
    "value_invalid",
    "raw_card_number",
)
_WITH_QUERY = ("parameter_repeated", "parameter_invalid", "limit_invalid", "cursor_invalid")
_WITH_KEY = ("idempotency_key_invalid", "idempotency_key_reused", "idempotency_key_in_flight")


def spec(
    summary: str,
    *,
    responses: Mapping[int, DocumentedResponse | None],
    body: type[Details] | None = None,
    problems: Sequence[str] = (),
    query: bool = False,
    changes: bool = False,
    key_required: bool = False,
    waits: bool = False,
    tag: str | None = None,
    read_at: str | None = None,
) -> dict[str, Any]:
    """The arguments of a route's decorator that describe it, with the schema and the problems of its `body`.

    `read_at`: the path at which what was made is read by its id. `changes`: takes an Idempotency-Key; `key_required`: does
    not go without; `waits`: nor does this, and it may wait for a state.
    """
    key_required = key_required or waits
    codes = [*_EVERYWHERE, *problems]
    codes += _WITH_QUERY if query else ()
    codes += _WITH_KEY if changes or waits else ()
    codes += ("idempotency_key_missing",) if key_required else ()
    codes += (*_WITH_BODY, *body.problems) if body else ()
    added = ("Idempotent-Replayed",) * (changes or waits) + ("Preference-Applied",) * waits
    added += ("Location",) * (min(responses) == 201)
    described: dict[str, Any] = {
        "summary": summary,
        "response_model": None,
        "status_code": min(responses),
        "responses": {
            status: _response(status, content, added) | _links(read_at) for status, content in responses.items()
        }
        | _problems(codes),
    }
    given = {name: one for answer in responses.values() if answer for name, one in answer.components.items()}
    extra: dict[str, Any] = {_KEY_REQUIRED: key_required, _TAKEN: _of_body(body), _GIVEN: given}
    if body is not None:
        extra["requestBody"] = _request_body(body)
    return described | {"openapi_extra": extra} | ({"tags": [tag]} if tag else {})


def describe(routers: Iterable[APIRouter]) -> dict[str, Any]:
    """The OpenAPI document of all that these routers show."""
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    document = get_openapi(title="Malipo", version="1", description=DESCRIPTION, routes=routes)
    document["components"]["schemas"] = _schemas(routes)
    for route in routes:
        if route.include_in_schema:
            for method in route.methods or ():
                _restore(document["paths"][route.path_format][method.lower()], route)
    document["webhooks"] = {"event": {"post": _webhook()}}
    return document


def _restore(operation: Schema, route: APIRoute) -> None:
    # The framework drops every null from the examples and adds an answer that we never give. The key is optional to it,
    # so that its absence gets our own problem.
    operation["responses"] = {str(status): answer for status, answer in route.responses.items()}
    key_required = operation.pop(_KEY_REQUIRED)
    del operation[_TAKEN], operation[_GIVEN]
    for parameter in operation.get("parameters", ()):
        # A parameter may be left out; a null cannot be written in a URL or header.
        choices = [choice for choice in parameter["schema"].pop("anyOf", ()) if choice != {"type": "null"}]
        parameter["schema"] |= choices[0] if choices else {}
        if parameter["name"] == "Idempotency-Key":
            parameter |= {"required": key_required, "schema": {"type": "string", "pattern": IDEMPOTENCY_KEY}}


def _webhook() -> Schema:
    names = ("webhook-id", "webhook-timestamp", "webhook-signature")
    return {
        "summary": "An event",
        "description": f"What endpoints get: {', '.join(f'`{name}`' for name in EVENT_TYPES)}.",
        "tags": ["Webhooks"],
        "security": [],
        "parameters": [{"name": name, "in": "header", "required": True, "schema": {"type": "string"}} for name in names]
        + [
            {"name": name, "in": "header", "description": text, "schema": {"type": "integer", "minimum": 1}}
            for name, text in _HINTS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": ref("Event"), "example": examples.EVENT}},
        },
        "responses": {"2XX": {"description": "Received. Anything else is tried again."}},
    }


def _response(status: int, content: DocumentedResponse | None, added: Sequence[str]) -> Schema:
    headers = _HEADERS | {name: _MORE_HEADERS[name] for name in added}
    if content is None:
        return {"description": "Done", "headers": headers}
    if status == 202:
        headers |= {"Retry-After": _SECONDS}
    return {
        "description": {200: "The resource", 201: "Done", 202: "Accepted, still under way"}[status],
        "headers": headers,
        "content": {"application/json": {"schema": content.schema, "example": content.example}},
    }


def _links(read_at: str | None) -> Schema:
    if read_at is None:
        return {}
    name = read_at.partition("{")[2].removesuffix("}")
    operation = f"#/paths/{read_at.replace('/', '~1')}/get"
    return {"links": {"read": {"operationRef": operation, "parameters": {name: "$response.body#/id"}}}}


def _header(description: str) -> Schema:
    return {"description": description, "schema": {"type": "string"}}


_HEADERS = {
    "X-Request-Id": _header("Name it when you ask us about a request."),
    "RateLimit-Limit": _header("Requests that may come at once."),
    "RateLimit-Remaining": _header("Requests left now."),
    "RateLimit-Reset": _header("Seconds until all are back."),
}
_MORE_HEADERS = {
    "Location": _header("Where to read it."),
    "Idempotent-Replayed": _header("`true` when an earlier request with this key did it."),
    "Preference-Applied": _header("What was followed of `Prefer`."),
    "WWW-Authenticate": _header("`ApiKey`."),
}
_SECONDS = {"description": "Seconds to wait before the next request.", "schema": {"type": "integer", "minimum": 0}}


def _problems(codes: Iterable[str]) -> dict[int | str, Schema]:
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    return {status: _problem_response(status, found) for status, found in sorted(by_status.items())}


def _problem_response(status: int, codes: Sequence[str]) -> Schema:
    headers = dict(_HEADERS) if status == 429 else {"X-Request-Id": _HEADERS["X-Request-Id"]}
    if status == 401:
        headers["WWW-Authenticate"] = _MORE_HEADERS["WWW-Authenticate"]
    if any(PROBLEMS[code].retry.after_seconds is not None for code in codes):
        headers["Retry-After"] = _SECONDS
    shown = {code: {"summary": PROBLEMS[code].title, "value": Problem(code).body("req_...")} for code in codes}
    return {
        "description": ", ".join(f"`{code}`" for code in codes),
        "headers": headers,
        "content": {"application/problem+json": {"schema": ref("Problem"), "examples": shown}},
    }


def _request_body(body: type[Details]) -> Schema:
    return {
        "required": not may_be_left_out(body),
        "content": {"application/json": {"schema": ref(body.__name__)}},
    }


def _of_body(body: type[Details] | None) -> dict[str, Schema]:
    if body is None:
        return {}
    _, found = models_json_schema([(body, "validation")], ref_template=REF + "{model}")
    return found["$defs"]


def _schemas(routes: Sequence[APIRoute]) -> dict[str, Schema]:
    shown = (PaymentView, OperationView, PaymentMethodView)
    _, views = msgspec.json.schema_components(shown, ref_template=REF + "{name}")
    for name, descriptions in schemas.DESCRIPTIONS.items():
        for field, text in descriptions.items():
            views[name]["properties"][field]["description"] = text
    bodies = dict(sorted(_brought(routes, _TAKEN).items()))
    return bodies | views | _brought(routes, _GIVEN) | schemas.SCHEMAS | {"Problem": _problem_schema()}


def _brought(routes: Iterable[APIRoute], part: str) -> dict[str, Schema]:
    """The schemas that these routes bring with them."""
    return {name: one for route in routes for name, one in (route.openapi_extra or {}).get(part, {}).items()}


def _problem_schema() -> Schema:
    text = schemas.TEXT
    retry = schemas.object_of(
        safe=schemas.BOOLEAN | {"description": "Sending the same request again may succeed."},
        after_seconds={"type": ["integer", "null"]},
        same_key=schemas.BOOLEAN | {"description": "The next request may, or for a repeat must, use the same key."},
    )
    problem = schemas.object_of(
        type=text | {"description": "`urn:malipo:problem:` and the code."},
        title=text,
        status=schemas.INTEGER,
        detail=text,
        code=text | {"enum": sorted(PROBLEMS)},
        instance=text | {"description": "The request's id, if the request was read."},
        errors={"type": "array", "items": schemas.object_of(field=text, code=text, detail=text)},
        retry=retry,
    )
    return problem | {"required": [name for name in problem["required"] if name != "instance"]}
