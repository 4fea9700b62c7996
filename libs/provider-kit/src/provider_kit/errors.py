"""Why a call of a provider failed, by what has to be done next.

ProviderError
├── NotSent         certainly had no effect at the provider: try again with the same key
│   └── NotReady    for a reason of our own: it says nothing about the provider
├── Misconfigured   our credentials or settings are wrong: a person has to act
│   └── Lacking     the credentials have never had what the operation needs: it ends at once
└── BadSignature    a callback that is not the provider's: refuse and count
    └── Stale       it was signed too long ago, or by a clock that is ahead
"""


class ProviderError(Exception):
    """The root of what a provider may raise."""


class NotSent(ProviderError):
    """The request had no effect and never will. `retry_after_seconds` is what the provider requests, if it does."""

    def __init__(self, reason: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


class NotReady(NotSent):
    """Nothing was sent for a reason of our own, as while the database is away: the provider's circuit stays closed."""


class Misconfigured(ProviderError):
    """The provider refuses our credentials; the text says which setting of the merchant to mend."""


class Lacking(Misconfigured):
    """The credentials are without what this operation needs, which the provider was never asked for: it cannot be sent."""


class BadSignature(ProviderError):
    """The callback is forged, stale or damaged."""


class Stale(BadSignature):
    """The callback is not of this time: it may be an old one, sent again by somebody else."""
