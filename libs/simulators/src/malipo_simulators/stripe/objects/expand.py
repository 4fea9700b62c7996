"""The `expand[]` parameter: which ids of an object are replaced by the objects themselves."""

from dataclasses import dataclass, field

from malipo_simulators.stripe.errors import invalid

EXPANDABLE = frozenset({
    "balance_transaction", "charge", "customer", "default_payment_method", "failure_balance_transaction",
    "invoice_settings", "latest_attempt", "latest_charge", "payment_intent", "payment_method", "refunds", "setup_intent",
    "source",
})  # fmt: skip


@dataclass(slots=True)
class Expand:
    """The tree of `expand[]` paths: which ids to replace by their objects."""

    below: "dict[str, Expand]" = field(default_factory=dict[str, "Expand"])

    def wants(self, name: str) -> "Expand | None":
        return self.below.get(name)


NOTHING = Expand()


def read_expand(paths: list[str], *, listing: bool = False) -> Expand:
    """`latest_charge.payment_intent`, or with a leading `data.` in a list; 400 for what cannot be expanded."""
    tree = Expand()
    for path in paths:
        names = path.split(".")
        if (listing and names.pop(0) != "data") or not names or not EXPANDABLE.issuperset(names):
            raise invalid(f"This property cannot be expanded ({path}).", param="expand")
        node = tree
        for name in names:
            node = node.below.setdefault(name, Expand())
    return tree
