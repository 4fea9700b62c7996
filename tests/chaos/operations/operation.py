"""What an operation of the crash matrix is: who takes part, what happens, and what must have become of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from chaos.merchant import Merchant
from chaos.onlooker import Onlooker
from malipo_local.merchant import DemoMerchant


@dataclass
class Scene:
    """The participants of an operation: the merchant, and an onlooker from outside."""

    merchant: Merchant
    onlooker: Onlooker
    dead_letters: dict[str, int]
    """How many there were before, by topic."""


@dataclass(frozen=True)
class Ending:
    """What must be true in the end, whatever was killed: Malipo's status and the provider's book, amounts in minor units."""

    status: str
    event: str
    effects: tuple[tuple[str, int], ...] = ()
    captured: int = 0
    refunded: int = 0
    delivery: str = "delivered"
    """The result that the timeline has in the end for the webhook of every event."""


@dataclass(frozen=True)
class Operation:
    """`prepare` makes what it needs (not part of the matrix) and returns a payment's id; `act` is what is crashed.

    What the parts in `BLIND` do is crashed in the first operation that reaches it, as they know neither the provider nor what
    happens. `own` names those of them whose way is this operation's own, for what the world does to them there.
    `like` names, for the orchestrator or a provider's service, the operation that takes the same way through it: what that
    one reaches there, too, is crashed in that one alone. So what does not depend on the provider is crashed once, however
    many providers there are.

    `unsent` is how it ends, if the process dies where it has marked something as sent and has not sent it, at a provider that
    may not be sent it twice. `connect` gives Malipo the merchant's account at the provider.
    """

    name: str
    act: Callable[[Scene, str], None]
    ending: Ending
    provider: str = field(kw_only=True)
    prepare: Callable[[Scene], str] = lambda _: ""
    steady: bool = True
    """Whether each run reaches the same crossings; if not, only the first at each place is reliable."""
    like: Mapping[str, str] = field(default_factory=dict[str, str], compare=False)
    own: frozenset[str] = frozenset()
    unsent: Ending | None = None
    connect: Callable[[DemoMerchant], None] = lambda _: None
