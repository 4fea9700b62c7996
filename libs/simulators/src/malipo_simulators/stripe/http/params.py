"""Reads one request's parameters with Stripe's refusals: unknown, missing, empty, not an integer."""

from collections.abc import Collection, Iterable

from malipo_simulators.kit.timeline import Page
from malipo_simulators.stripe.errors import StripeError, invalid, missing, unknown_parameter
from malipo_simulators.stripe.http.forms import Form, FormValue

MAX_METADATA_KEYS = 50
MAX_METADATA_KEY_LENGTH = 40
MAX_METADATA_VALUE_LENGTH = 500
MAX_TEXT_LENGTH = 5_000
MAX_PAGE = 100
DEFAULT_PAGE = 10


class Params:
    """Each read marks its parameter as known; `finish` refuses whatever is left."""

    def __init__(self, form: Form, prefix: str = "") -> None:
        self._left = dict(form)
        self._prefix = prefix

    def text(self, name: str, *, max_length: int = MAX_TEXT_LENGTH) -> str | None:
        value = self._take(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise invalid(f"Invalid string: {self._full(name)}", param=self._full(name))
        if value == "":
            raise invalid(
                f"Empty value for {self._full(name)}.", code="parameter_invalid_empty", param=self._full(name)
            )
        if len(value) > max_length:
            raise invalid(f"Too long: at most {max_length} characters.", param=self._full(name))
        return value

    def settable(self, name: str, *, max_length: int = MAX_TEXT_LENGTH) -> str | None:
        """Text that may be empty, which unsets what was there; None if it was not sent."""
        if self._left.get(name) == "":
            del self._left[name]
            return ""
        return self.text(name, max_length=max_length)

    def required_text(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            raise missing(self._full(name))
        return value

    def integer(self, name: str) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if not value.removeprefix("-").isascii() or not value.removeprefix("-").isdigit():
            raise invalid(f"Invalid integer: {value}", code="parameter_invalid_integer", param=self._full(name))
        return int(value[:32])

    def positive(self, name: str) -> int | None:
        value = self.integer(name)
        if value is not None and value < 1:
            message = "This value must be greater than or equal to 1."
            raise invalid(message, code="parameter_invalid_integer", param=self._full(name))
        return value

    def flag(self, name: str) -> bool | None:
        value = self.choice(name, ("true", "false"))
        return None if value is None else value == "true"

    def choice(self, name: str, allowed: Collection[str]) -> str | None:
        value = self.text(name)
        if value is not None and value not in allowed:
            raise invalid(f"Invalid {self._full(name)}: must be one of {', '.join(allowed)}", param=self._full(name))
        return value

    def strings(self, name: str) -> list[str]:
        value = self._take(name)
        items: Iterable[FormValue] = value if isinstance(value, list) else () if value is None else (value,)
        texts = [item for item in items if isinstance(item, str)]
        if isinstance(value, dict) or len(texts) != len(list(items)):
            raise invalid("Invalid array", param=self._full(name))
        return texts

    def group(self, name: str) -> "Params":
        """The nested parameters under `name`; an absent group reads as an empty one."""
        value = self._take(name)
        if value is None:
            return Params({}, self._full(name))
        if not isinstance(value, dict):
            raise invalid("Invalid object", param=self._full(name))
        return Params(value, self._full(name))

    def metadata(self) -> dict[str, str]:
        """At most 50 keys of 40 characters with values of 500; an empty value unsets its key."""
        value = self._take("metadata")
        if value is None or value == "":
            return {}
        pairs = value if isinstance(value, dict) else as_mapping(value)
        if pairs is None or len(pairs) > MAX_METADATA_KEYS:
            raise invalid(f"Metadata must be at most {MAX_METADATA_KEYS} pairs of text.", param="metadata")
        return {key: checked_pair(key, item) for key, item in pairs.items()}

    def new_metadata(self) -> dict[str, str]:
        """On creation an empty value has nothing to unset and is dropped."""
        return {key: value for key, value in self.metadata().items() if value}

    def page(self) -> Page:
        """Paging parameters: limit 1 to 100 (default 10), one cursor, bounds on `created`."""
        limit = self.limit()
        after, before = self.text("starting_after"), self.text("ending_before")
        if after and before:
            raise invalid("Give starting_after or ending_before, not both.", param="ending_before")
        earliest, latest = self._created()
        return Page(limit, after, before, earliest, latest)

    def limit(self) -> int:
        limit = self.positive("limit") or DEFAULT_PAGE
        if limit > MAX_PAGE:
            raise invalid(f"Must be at most {MAX_PAGE}.", code="parameter_invalid_integer", param="limit")
        return limit

    def finish(self) -> None:
        for name in self._left:
            raise unknown_parameter(self._full(name), modelled=name not in NOT_MODELLED)

    def refuse(self, name: str, error: StripeError) -> None:
        """Raise this error if the parameter was sent at all."""
        if name in self._left:
            raise error

    def _created(self) -> tuple[int | None, int | None]:
        if isinstance(self._left.get("created"), str):
            exact = self.integer("created")
            return exact, exact
        bounds = self.group("created")
        above, at_least = bounds.integer("gt"), bounds.integer("gte")
        below, at_most = bounds.integer("lt"), bounds.integer("lte")
        bounds.finish()
        lows = [value for value in (at_least, None if above is None else above + 1) if value is not None]
        highs = [value for value in (at_most, None if below is None else below - 1) if value is not None]
        return max(lows, default=None), min(highs, default=None)

    def _take(self, name: str) -> FormValue | None:
        return self._left.pop(name, None)

    def _full(self, name: str) -> str:
        return f"{self._prefix}[{name}]" if self._prefix else name


def as_mapping(value: FormValue) -> Form | None:
    """`metadata[0]=a` looks like a list to the form reader; here it is a mapping with the key "0"."""
    return {str(index): item for index, item in enumerate(value)} if isinstance(value, list) else None


def checked_pair(key: str, value: FormValue) -> str:
    if len(key) > MAX_METADATA_KEY_LENGTH:
        raise invalid(f"Metadata keys have at most {MAX_METADATA_KEY_LENGTH} characters.", param="metadata")
    if not isinstance(value, str) or len(value) > MAX_METADATA_VALUE_LENGTH:
        message = f"Metadata values are text of at most {MAX_METADATA_VALUE_LENGTH} characters."
        raise invalid(message, param=f"metadata[{key}]")
    return value


# Parameters of the real API that change nothing this simulator shows.
NOT_MODELLED = frozenset({
    "amount_details", "application_fee_amount", "confirmation_token", "customer_account", "hooks",
    "instructions_email", "mandate", "mandate_data", "on_behalf_of", "origin", "payment_details",
    "payment_method_configuration", "payment_method_data", "payment_method_options", "radar_options",
    "refund_application_fee", "reverse_transfer", "shipping", "transfer_data", "transfer_group",
})  # fmt: skip
