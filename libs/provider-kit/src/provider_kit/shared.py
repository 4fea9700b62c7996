"""One address for the callbacks of all accounts: which of them a callback names, before anything of it is verified. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from provider_kit.provider import Callback, Credentials

MOST_NAMED = 20
"""How many accounts of one name are tried: several merchants' may have it, and anybody may give theirs that name."""


@dataclass(frozen=True, slots=True)
class SharedAddress:
    """How callbacks to the descriptor's `shared_callbacks_at` find their account: by names, as the id of a key is one.

    `names_of` are those of an account, by its credentials; they are kept in clear, so none may be a secret. `named_in` is the
    one that a callback gives; it raises `BadSignature` where it gives none. A name proves nothing: each account of the
    name verifies the callback as if it had come to its own address.
    """

    names_of: Callable[[Credentials], Sequence[str]]
    named_in: Callable[[Callback], str]
