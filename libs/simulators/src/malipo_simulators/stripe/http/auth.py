"""Authentication: test keys by Bearer or Basic, refused the way Stripe refuses them."""

import re

from malipo_simulators.kit.api.reading import basic_pair, bearer_token
from malipo_simulators.stripe.errors import forbidden, unauthorized
from malipo_simulators.stripe.state.account import Account
from malipo_simulators.stripe.state.world import StripeWorld

TEST_KEY = re.compile(r"(sk|rk)_test_[A-Za-z0-9_]{4,240}")
SHOWN_TAIL = 4
WITHOUT_BALANCE = re.compile(r"rk_.*without_balance.*")
BALANCE_PATHS = ("/v1/balance",)
"""What a restricted key may not read that contains `without_balance`: the balance, and its transactions."""


def authenticate(world: StripeWorld, header: str | None) -> Account:
    """The account of the key, or 401. Every well-formed test key is an account; "revoked" in it means expired."""
    api_key = read_key(header)
    if api_key is None:
        raise unauthorized("You did not provide an API key. Send it as a Bearer token or as the Basic user name.")
    if TEST_KEY.fullmatch(api_key) is None:
        raise unauthorized(refusal(api_key))
    if "revoked" in api_key:
        raise unauthorized(f"Expired API Key provided: {redacted(api_key)}", "api_key_expired")
    return world.account_of(api_key)


def check_permission(header: str | None, path: str) -> None:
    """403 for what the key is not allowed, which restricted keys may be."""
    api_key = read_key(header) or ""
    if WITHOUT_BALANCE.fullmatch(api_key) and path.startswith(BALANCE_PATHS):
        raise forbidden(
            f"The provided key '{redacted(api_key)}' does not have the required permissions for this endpoint. Having the "
            "'rak_balance_read' permission would allow this request to continue."
        )


def read_key(header: str | None) -> str | None:
    name, _ = basic_pair(header) or ("", "")
    return bearer_token(header) or name or None


def refusal(api_key: str) -> str:
    if "_live_" in api_key:
        return "This is a simulator: never send it a live key. Roll this key if it was real."
    return f"Invalid API Key provided: {redacted(api_key)}"


def redacted(api_key: str) -> str:
    """As in Stripe's own messages: the kind of key and its last four characters."""
    kind = api_key[:8] if TEST_KEY.fullmatch(api_key) else api_key[:3]
    return f"{kind}{'*' * 8}{api_key[-SHOWN_TAIL:] if len(api_key) > len(kind) + SHOWN_TAIL else ''}"
