"""Extracts the shapes of Stripe's objects from its official Python SDK, whose classes are generated from Stripe's OpenAPI document.

    python libs/simulators/tests/stripe/extract_schemas.py FOLDER-OF-THE-PACKAGE-STRIPE FIXTURES3.JSON

The package is stripe 16.1.0 from PyPI, whose version of the API is the simulator's; the fixtures are those of
github.com/stripe/openapi at commit f6c2a48, an example of each object. Both are under the MIT License. The classes say which
properties there are, their types, and which may be null; the examples which of them are always there.
"""

import ast
import json
import sys
from pathlib import Path

OUT = Path(__file__).with_name("schemas")
# By the value of `object`: file, class.
RESOURCES = {
    "balance": ("_balance.py", "Balance"),
    "balance_transaction": ("_balance_transaction.py", "BalanceTransaction"),
    "charge": ("_charge.py", "Charge"),
    "customer": ("_customer.py", "Customer"),
    "dispute": ("_dispute.py", "Dispute"),
    "error": ("_error_object.py", "ErrorObject"),
    "event": ("_event.py", "Event"),
    "payment_intent": ("_payment_intent.py", "PaymentIntent"),
    "payment_method": ("_payment_method.py", "PaymentMethod"),
    "payout": ("_payout.py", "Payout"),
    "radar.early_fraud_warning": ("radar/_early_fraud_warning.py", "EarlyFraudWarning"),
    "refund": ("_refund.py", "Refund"),
    "setup_attempt": ("_setup_attempt.py", "SetupAttempt"),
    "setup_intent": ("_setup_intent.py", "SetupIntent"),
    "webhook_endpoint": ("_webhook_endpoint.py", "WebhookEndpoint"),
}
BY_CLASS = {name: kind for kind, (_, name) in RESOURCES.items()}
# Of all ways to pay, cards alone are simulated: in these classes no other property that is a class is kept.
ONLY = {
    "PaymentMethod": ("billing_details", "card"),
    "PaymentMethodDetails": ("card",),
    "PaymentMethodOptions": ("card",),
    "NextAction": ("redirect_to_url", "use_stripe_sdk"),
    "DestinationDetails": ("card",),
}
# Never anything but null here.
ALWAYS_NULL = ("generated_from", "installments", "line_items", "mandate_options", "shipping", "wallet", "transfer_data")
# In the examples, and only there when something else is: not required.
NOT_ALWAYS = {
    "balance": ("connect_reserved",),
    "charge": ("payment_method_details", "refunds", "shipping"),
    "customer": ("address", "discount"),
    "dispute": ("evidence", "payment_method_details"),
    "payment_intent": ("managed_payments", "payment_method_options"),
    "payment_method": ("card",),
    "setup_attempt": ("payment_method_details", "setup_error"),
    "setup_intent": ("payment_method_options",),
    "error": (),
}
PLAIN = {"str": "string", "int": "integer", "bool": "boolean", "float": "number"}


class Extract:
    """One resource's classes, as JSON schemas."""

    def __init__(self, classes: dict[str, ast.ClassDef]) -> None:
        self._classes = classes

    def of_class(self, found: ast.ClassDef) -> dict:
        inner = Extract(self._classes | {one.name: one for one in found.body if isinstance(one, ast.ClassDef)})
        only = ONLY.get(found.name)
        properties, required = {}, []
        for line in found.body:
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and not is_constant(line):
                name, annotation = line.target.id, line.annotation
                if only and name not in only and inner.is_object(annotation):
                    continue
                properties[name] = {"type": "null"} if name in ALWAYS_NULL else inner.of_type(annotation)
                if not is_optional(annotation):
                    required.append(name)
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}

    def of_type(self, node: ast.expr) -> dict:
        match node:
            case ast.Constant(value=str(name)) | ast.Name(id=name):
                return self.of_name(name)
            case ast.Subscript(value=ast.Name(id=name), slice=inner):
                return self.of_generic(name, inner)
            case _:
                raise ValueError(ast.unparse(node))

    def of_generic(self, name: str, inner: ast.expr) -> dict:
        match name:
            case "Literal":
                return {"enum": [ast.literal_eval(one) for one in elements(inner)]}
            case "Union":
                return self.of_union(elements(inner))
            case _:
                return AROUND[name](self.of_type(inner))

    def of_union(self, members: list[ast.expr]) -> dict:
        """A union of names with `str` allows names of later versions: those of this version are what counts here."""
        literals = [one for one in members if ast.unparse(one).startswith("Literal")]
        return self.of_type(literals[0]) if literals else {"anyOf": [self.of_type(one) for one in members]}

    def of_name(self, name: str) -> dict:
        if name in PLAIN:
            return {"type": PLAIN[name]}
        if name == "Any":
            return {}
        if name in self._classes:
            return self.of_class(self._classes[name])
        kind = BY_CLASS.get(name.removesuffix("Resource"))
        # What is not simulated is never expanded.
        return {"$ref": f"#/$defs/{kind}"} if kind else {"not": {}}

    def is_object(self, node: ast.expr) -> bool:
        """Whether it is, or may be, one of the classes inside."""
        names = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
        return bool(names & self._classes.keys())


def is_constant(line: ast.AnnAssign) -> bool:
    return "ClassVar" in ast.unparse(line.annotation)


def is_optional(node: ast.expr) -> bool:
    return ast.unparse(node).startswith("Optional")


def elements(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else [node]


def listing(items: dict) -> dict:
    properties = {
        "object": {"const": "list"},
        "data": {"type": "array", "items": items},
        "has_more": {"type": "boolean"},
        "url": {"type": "string"},
    }
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def require_what_is_shown(kind: str, schema: dict, example: dict) -> None:
    """What the example has, is always there, as long as this version knows it."""
    left_out = NOT_ALWAYS.get(kind, ())
    shown = [name for name in example if name in schema["properties"] and name not in left_out]
    schema["required"] = sorted({*schema["required"], *shown})


AROUND = {
    "Optional": lambda inner: {"anyOf": [inner, {"type": "null"}]},
    "ExpandableField": lambda inner: {"anyOf": [{"type": "string"}, inner]},
    "List": lambda inner: {"type": "array", "items": inner},
    "ListObject": listing,
    "UntypedStripeObject": lambda inner: {"type": "object", "additionalProperties": inner},
}


def main(package: Path, fixtures: Path) -> None:
    examples = json.loads(fixtures.read_text("utf-8"))["resources"]
    for kind, (file, name) in RESOURCES.items():
        tree = ast.parse((package / file).read_text("utf-8"))
        found = next(one for one in tree.body if isinstance(one, ast.ClassDef) and one.name == name)
        schema = Extract({}).of_class(found)
        require_what_is_shown(kind, schema, examples.get(kind, {}))
        (OUT / f"{kind}.json").write_text(json.dumps(schema, sort_keys=True, separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
