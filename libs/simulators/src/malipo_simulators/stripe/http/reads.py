"""Reading one object, or a page of many: the same for every noun."""

from collections.abc import Callable

from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.timeline import Dated
from malipo_simulators.stripe.http.params import Params
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.objects.expand import read_expand
from malipo_simulators.stripe.objects.lists import ObjectList
from malipo_simulators.stripe.objects.render import render, render_list


def shown(request: StripeRequest, thing: object, *idle: str) -> Json:
    """The object, for a request that has no parameters but `expand`, and those of these names, which change nothing."""
    params = request.params()
    for name in idle:
        params.text(name)
    expand = read_expand(params.strings("expand"))
    params.finish()
    return render(thing, expand)


def listed[T: Dated](
    request: StripeRequest, params: Params, things: ObjectList[T], wanted: Callable[[T], bool] = lambda _: True
) -> Json:
    """A page, newest first; `params` are what is left of the parameters when those of the filter have been read."""
    page, expand = params.page(), read_expand(params.strings("expand"), listing=True)
    params.finish()
    found, has_more = things.page(page, wanted)
    return render_list([render(one, expand) for one in found], request.change.cause.path, has_more=has_more)


def matching[T](**wanted: tuple[str | None, Callable[[T], str | None]]) -> Callable[[T], bool]:
    """Whether an object has each value that was asked for: pairs of it and of what the object has."""
    asked = [(value, read) for value, read in wanted.values() if value is not None]
    return lambda one: all(read(one) == value for value, read in asked)
