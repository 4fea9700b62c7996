"""Extracts what the simulator needs of PayPal's OpenAPI documents: the shapes of requests, and the words of errors.

    python libs/simulators/tests/paypal/extract_spec.py FOLDER-OF-OPENAPI-DOCUMENTS

The documents are those of github.com/paypal/paypal-rest-api-specifications (Apache-2.0), commit ec4d8f3.
"""

import json
import sys
from pathlib import Path

OUT = Path(__file__).parents[2] / "src/malipo_simulators/paypal/spec"
DOCUMENTS = ("checkout_orders_v2.json", "payments_payment_v2.json")
REQUESTS = {
    "checkout_orders_v2.json": (
        "order_request",
        "patch_request",
        "confirm_order_request",
        "order_authorize_request",
        "order_capture_request",
        "purchase_unit_request",
    ),
    "payments_payment_v2.json": ("capture_request", "reauthorize_request", "refund_request"),
    "notifications_webhooks_v1.json": (
        "webhook",
        "patch_request",
        "verify_webhook_signature",
        "event_resend",
        "simulate_event",
    ),
}
# Names that another document has for something else.
PREFIXES = {"notifications_webhooks_v1.json": "webhooks."}
KEPT = ("type", "enum", "pattern", "minLength", "maxLength", "minItems", "maxItems", "required")
# Patterns that do not fit what they are for: base64 may begin with `+` or `/`, and types of events have `-`.
WRONG_PATTERNS = ("transmission_sig", "event_type")
# Of all ways to pay, the wallet alone is modelled; what is left out here is refused by name.
ONLY_SOURCE = "paypal"


class Extract:
    """Schemas by name; `allOf` is merged, as it only ever adds properties here."""

    def __init__(self, document: dict, kept: dict, prefix: str) -> None:
        self._schemas = document["components"]["schemas"]
        self._kept = kept
        self._prefix = prefix

    def keep(self, name: str) -> str:
        """The name that it is kept under."""
        kept = self._prefix + name
        if kept not in self._kept:
            self._kept[kept] = {}
            self._kept[kept] = self.reduced(self._schemas[name])
        return kept

    def reduced(self, schema: dict) -> dict:
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            return {"$ref": self.keep(name)}
        out = {key: schema[key] for key in KEPT if key in schema}
        if "properties" in schema:
            out.setdefault("type", "object")
            properties = self._modelled(schema["properties"])
            out["properties"] = {key: self.reduced(value) for key, value in properties.items()}
            for key in WRONG_PATTERNS:
                out["properties"].get(key, {}).pop("pattern", None)
        if "items" in schema:
            out["items"] = self.reduced(schema["items"])
        for part in schema.get("allOf", ()):
            self._merge(out, self._resolved(part))
        return out

    def _modelled(self, properties: dict) -> dict:
        one_of_sources = ONLY_SOURCE in properties and "card" in properties
        return {ONLY_SOURCE: properties[ONLY_SOURCE]} if one_of_sources else properties

    def _resolved(self, part: dict) -> dict:
        return self.reduced(self._schemas[part["$ref"].rpartition("/")[2]] if "$ref" in part else part)

    def _merge(self, out: dict, part: dict) -> None:
        out["properties"] = out.get("properties", {}) | part.get("properties", {})
        out["required"] = out.get("required", []) + part.get("required", [])
        out.setdefault("type", "object")


def requests_of(folder: Path) -> dict:
    kept: dict = {}
    for document, names in REQUESTS.items():
        extract = Extract(json.loads((folder / document).read_text("utf-8")), kept, PREFIXES.get(document, ""))
        for name in names:
            extract.keep(name)
    return kept


def issues_of(folder: Path) -> dict:
    """`{operationId: {issue: [status, description]}}`."""
    found: dict = {}
    for document in DOCUMENTS:
        spec = json.loads((folder / document).read_text("utf-8"))
        for path in spec["paths"].values():
            for operation in path.values():
                if isinstance(operation, dict) and "operationId" in operation:
                    found[operation["operationId"]] = issues_in(spec, operation)
    return found


def issues_in(spec: dict, operation: dict) -> dict:
    issues: dict = {}
    for status, response in operation["responses"].items():
        for part in response.get("content", {}).get("application/json", {}).get("schema", {}).get("allOf", ()):
            schema = spec["components"]["schemas"][part["$ref"].rpartition("/")[2]]
            for one in schema.get("properties", {}).get("details", {}).get("items", {}).get("anyOf", ()):
                name = one["properties"]["issue"]["enum"][0]
                words = one["properties"].get("description", {}).get("enum", [""])[0]
                issues.setdefault(name, [int(status), words])
    return issues


def main() -> None:
    folder = Path(sys.argv[1])
    for name, data in (("requests", requests_of(folder)), ("issues", issues_of(folder))):
        text = json.dumps(data, indent=0, ensure_ascii=False, sort_keys=True)
        (OUT / f"{name}.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
