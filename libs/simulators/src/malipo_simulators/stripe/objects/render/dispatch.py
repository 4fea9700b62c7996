"""One function renders any object, so that objects can hold each other when they are expanded."""

from functools import singledispatch
from typing import Protocol, cast

from malipo_simulators.kit.shapes import Json
from malipo_simulators.stripe.objects.expand import NOTHING, Expand


class Identified(Protocol):
    """What is shown by its id unless it is expanded."""

    @property
    def id(self) -> str: ...


@singledispatch
def render(thing: object, expand: Expand = NOTHING) -> Json:
    """The object's JSON. Each kind registers its own."""
    del expand
    raise TypeError(f"nothing renders {type(thing).__name__}")


def reference(expand: Expand, name: str, thing: Identified | None) -> Json | str | None:
    """Its id, or all of it if `expand` wants the property of that name."""
    if thing is None:
        return None
    below = expand.wants(name)
    return render(thing, below) if below is not None else thing.id


def render_list(data: list[Json], url: str, *, has_more: bool = False) -> Json:
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def difference(before: Json, after: Json) -> Json:
    """An event's `previous_attributes`: what each property was that has changed, also inside objects; None if it was not there."""
    changed: Json = {}
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            if old != new:
                changed[name] = difference(cast("Json", old), cast("Json", new))
        elif old != new:
            changed[name] = old
    return changed
