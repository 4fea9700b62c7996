"""How PaymentIntents and SetupIntents are confirmed: alike, up to where the customer may be sent for 3DS."""

from dataclasses import dataclass
from typing import Protocol

from malipo_simulators.kit.urls import read_url
from malipo_simulators.stripe.errors import invalid
from malipo_simulators.stripe.faults import StripeFault
from malipo_simulators.stripe.http.params import Params
from malipo_simulators.stripe.http.request import StripeRequest
from malipo_simulators.stripe.objects.customers import Action
from malipo_simulators.stripe.state.change import Change

ONLY_WITH_CONFIRM = ("return_url", "off_session", "error_on_requires_action")


@dataclass(frozen=True, slots=True)
class Confirmation:
    """How a confirmation was requested. `base_url` is where the 3DS page can be reached."""

    base_url: str
    return_url: str | None = None
    off_session: bool = False
    error_on_requires_action: bool = False
    use_stripe_sdk: bool = False


class AutomaticMethods(Protocol):
    """Whether payment methods are chosen automatically, and whether these may redirect."""

    automatic_payment_methods: bool
    allow_redirects: bool


def read_confirmation_at_once(request: StripeRequest, params: Params) -> Confirmation | None:
    """With `confirm=true` how, else None; 400 for what is only allowed together with it."""
    confirming = params.flag("confirm") or False
    if not confirming:
        for name in ONLY_WITH_CONFIRM:
            params.refuse(name, invalid(f"{name} can only be given together with confirm=true.", param=name))
    how = read_confirmation(request, params)
    return how if confirming else None


def read_confirmation(request: StripeRequest, params: Params) -> Confirmation:
    off_session = params.choice("off_session", ("true", "false", "one_off", "recurring"))
    return Confirmation(
        base_url=request.base_url,
        return_url=read_return_url(params),
        off_session=off_session not in (None, "false"),
        error_on_requires_action=params.flag("error_on_requires_action") or False,
        use_stripe_sdk=params.flag("use_stripe_sdk") or False,
    )


def read_return_url(params: Params) -> str | None:
    url = params.text("return_url")
    if url is not None and read_url(url) is None:
        raise invalid("Not a valid URL", code="url_invalid", param="return_url")
    return url


def read_automatic(params: Params) -> tuple[bool, bool]:
    """Whether they are on, and may redirect: they are unless `enabled=false` is sent, as since 2023-08-16."""
    automatic = params.group("automatic_payment_methods")
    enabled, redirects = automatic.flag("enabled"), automatic.choice("allow_redirects", ("always", "never"))
    automatic.finish()
    return enabled is not False, redirects != "never"


def check_return_url(options: AutomaticMethods, how: Confirmation) -> None:
    """Payment methods that redirect may be offered, so a server-side confirmation must name the page to come back to."""
    may_redirect = options.automatic_payment_methods and options.allow_redirects
    if may_redirect and how.return_url is None and not how.off_session:
        message = "A return_url is needed: set it, or send automatic_payment_methods[allow_redirects]=never."
        raise invalid(message, param="return_url")


def new_action(change: Change, intent_id: str, how: Confirmation) -> Action:
    """Without a return_url, or for Stripe's browser code, there is no page to send the customer to."""
    hidden = change.cause.fault is not None and change.cause.fault.fault == StripeFault.ACTION_WITHOUT_PAGE
    for_sdk = how.use_stripe_sdk or how.return_url is None or hidden
    return Action(f"{how.base_url}/_sim/3ds/{intent_id}", how.return_url, for_stripe_sdk=for_sdk)
