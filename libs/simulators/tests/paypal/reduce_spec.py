"""Reduces PayPal's OpenAPI documents to what the tests judge by: see `openapi/README.md`."""

import json
import sys
from pathlib import Path

OUT = Path(__file__).with_name("openapi")
METHODS = ("get", "post", "patch", "delete")
# The paths that are not modelled, and further schemas: those of what notifications tell of.
DOCUMENTS = {
    "checkout_orders_v2": (("track",), ("order",)),
    "payments_payment_v2": ((), ("authorization-2", "capture-2", "refund")),
    "notifications_webhooks_v1": (("webhooks-lookup",), ("event",)),
    "reporting_transactions_v1": ((), ()),
    "customer_disputes_v1": (("",), ("dispute",)),
}
DEMANDS = (
    "type", "enum", "pattern", "format", "minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum", "required",
)  # fmt: skip
COMBINED = ("allOf", "anyOf", "oneOf")
ONLY_SOURCE = "paypal"


class Reduction:
    """One document: `schemas` are those that were reached."""

    def __init__(self, document: dict) -> None:
        self._document = document
        self.schemas: dict[str, dict] = {}

    def operations(self, left_out: tuple[str, ...]) -> dict:
        """`{operationId: {"method", "path", "responses": {status: schema or null}}}`."""
        found = {}
        for path, methods in self._document["paths"].items():
            for method in METHODS:
                if method in methods and not any(part in path for part in left_out):
                    one = methods[method]
                    responses = {status: self._response(answer) for status, answer in one["responses"].items()}
                    found[one["operationId"]] = {"method": method.upper(), "path": path, "responses": responses}
        return found

    def _response(self, answer: dict) -> dict | None:
        if "$ref" in answer:
            answer = self._document["components"]["responses"][answer["$ref"].rpartition("/")[2]]
        schema = answer.get("content", {}).get("application/json", {}).get("schema")
        return None if schema is None else self.used(schema)

    def used(self, schema: dict) -> dict:
        """Where something is of this schema: an object has no other properties than the schema knows."""
        reduced = self._reduced(schema)
        return reduced | {"unevaluatedProperties": False} if self._is_closed(schema) else reduced

    def keep(self, name: str) -> str:
        if name not in self.schemas:
            self.schemas[name] = {}
            self.schemas[name] = self._reduced(self._document["components"]["schemas"][name])
        return f"#/schemas/{name}"

    def _reduced(self, schema: dict) -> dict:
        if "$ref" in schema:
            return {"$ref": self.keep(schema["$ref"].rpartition("/")[2])}
        out = {key: schema[key] for key in DEMANDS if key in schema}
        if "properties" in schema:
            properties = self._modelled(schema["properties"])
            out["properties"] = {key: self.used(value) for key, value in properties.items()}
        if "items" in schema:
            out["items"] = self.used(schema["items"])
        for key in COMBINED:
            if key in schema:
                out[key] = [self._reduced(part) for part in schema[key]]
        return out

    def _modelled(self, properties: dict) -> dict:
        one_of_sources = ONLY_SOURCE in properties and "card" in properties
        return {ONLY_SOURCE: properties[ONLY_SOURCE]} if one_of_sources else properties

    def _is_closed(self, schema: dict) -> bool:
        if "$ref" in schema:
            return self._is_closed(self._document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
        # What tells issues apart lies above the schema of all details, which has the other properties.
        if schema.get("additionalProperties") or "anyOf" in schema:
            return False
        parts = [part for key in COMBINED for part in schema.get(key, ())]
        return "properties" in schema or any(self._is_closed(part) for part in parts)


def main() -> None:
    for name, (left_out, schemas) in DOCUMENTS.items():
        document = json.loads((Path(sys.argv[1]) / f"{name}.json").read_text("utf-8"))
        reduction = Reduction(document)
        operations = reduction.operations(left_out)
        for schema in schemas:
            reduction.keep(schema)
        data = {"version": document["info"]["version"], "operations": operations, "schemas": reduction.schemas}
        text = json.dumps(data, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
        (OUT / f"{name}.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
