"""Lists of objects with Stripe's refusals: 404 for an id that is not there, 400 for a cursor that names nothing."""

from collections.abc import Callable
from typing import override

from malipo_simulators.kit.timeline import Dated, Page, Timeline, UnknownCursor
from malipo_simulators.stripe.errors import no_such


class ObjectList[T: Dated](Timeline[T]):
    """`noun` is what Stripe's messages call one of them."""

    def __init__(self, noun: str, bound: int | None = None) -> None:
        super().__init__(bound)
        self._noun = noun

    def get(self, item_id: str, param: str = "id") -> T:
        """Raise Stripe's 404 `resource_missing` when there is none."""
        item = self.find(item_id)
        if item is None:
            raise no_such(self._noun, item_id, param=param)
        return item

    @override
    def page(self, page: Page, wanted: Callable[[T], bool] = lambda _: True) -> tuple[list[T], bool]:
        """A cursor that names nothing is a bad parameter (400), not a missing page (404)."""
        try:
            return super().page(page, wanted)
        except UnknownCursor as error:
            param = "starting_after" if error.item_id == page.after else "ending_before"
            raise no_such(self._noun, error.item_id, param=param, status=400) from error
