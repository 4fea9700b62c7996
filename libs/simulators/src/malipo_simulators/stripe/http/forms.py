"""Turns `metadata[order]=7&expand[]=latest_charge` into nested values, as Stripe's v1 API reads bodies and queries."""

import re
from urllib.parse import parse_qsl

from malipo_simulators.stripe.errors import StripeError, invalid

type FormValue = str | list[FormValue] | dict[str, FormValue]
type Form = dict[str, FormValue]

MAX_FIELDS = 1_000
MAX_DEPTH = 6
NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
SEGMENT = re.compile(r"\[([^\[\]]*)\]")


def parse_form(encoded: str) -> Form:
    """Parse, or raise 400. Blank values are kept: they mean "unset" to Stripe.

    `a[]=x` and `a[0]=x` both make lists; later plain values replace earlier ones, as on the real service.
    """
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError as error:
        raise invalid("The form body could not be read: it must be UTF-8 and have a sane number of fields.") from error
    tree: Form = {}
    for name, value in pairs:
        put(tree, split_name(name), value, name)
    return {key: listed(value) for key, value in tree.items()}


def split_name(name: str) -> list[str]:
    match = NAME.fullmatch(name)
    if match is None:
        raise invalid(f"Invalid parameter name: {name}", param=name)
    path = [match[1], *SEGMENT.findall(match[2])]
    if len(path) > MAX_DEPTH:
        raise invalid(f"Parameter nested too deep: {name}", param=name)
    return path


def put(tree: Form, path: list[str], value: str, name: str) -> None:
    for here in path[:-1]:
        child = tree.setdefault(slot(tree, here), {})
        if not isinstance(child, dict):
            raise clash(name)
        tree = child
    last = slot(tree, path[-1])
    if isinstance(tree.get(last), dict):
        raise clash(name)
    tree[last] = value


def slot(tree: Form, segment: str) -> str:
    """An empty bracket means the next free index of its list."""
    return segment or str(len(tree))


def listed(value: FormValue) -> FormValue:
    """Mappings whose keys are exactly 0..n-1 were lists."""
    if not isinstance(value, dict):
        return value
    children = {key: listed(child) for key, child in value.items()}
    if children and list(children) == [str(index) for index in range(len(children))]:
        return list(children.values())
    return children


def clash(name: str) -> StripeError:
    return invalid(f"Parameter {name} is given both as a value and as a group of values.", param=name)
