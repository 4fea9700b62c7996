"""Faults under load: a store that freezes, dies or refuses; and at random, anything of the system at any time."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from random import Random  # noqa: TID251 - from a seed, so that a run can be repeated
from types import MappingProxyType

import httpx
from operating import run_command

from chaos import census, doubts
from chaos.customers import KINDS
from chaos.customers.customer import Due, Ledger
from chaos.load import Crowd, Say
from chaos.onlooker import Onlooker
from chaos.operations.mpesa import with_statement
from chaos.system import SERVICES, STORES, System
from malipo_local import Stack
from malipo_local.errors import StackError
from malipo_local.merchant import DemoMerchant
from malipo_local.waiting import until

RATE = 20.0
_CALM_SECONDS = 5
_FREEZE_SECONDS = 20
_REFUSE_SECONDS = 10
_REST_SECONDS = 300.0
_READY_SECONDS = 120.0
_PATIENCE_SECONDS = 300.0
_PAUSE_SECONDS = (2, 15)
_BETWEEN_SECONDS = (3, 12)

FAULTS: Mapping[str, Sequence[tuple[str, float]]] = {
    "bank": (("answer_lost", 0.01), ("webhook_drop", 0.05), ("webhook_duplicate", 0.05), ("webhook_reorder", 0.05)),
    "mpesa": (("answer_lost", 0.01), ("webhook_drop", 0.05), ("webhook_duplicate", 0.05)),
    "paypal": (("answer_lost", 0.01), ("webhook_drop", 0.05), ("webhook_duplicate", 0.05), ("webhook_reorder", 0.05)),
    "stripe": (("answer_lost", 0.01), ("webhook_drop", 0.05), ("webhook_duplicate", 0.05), ("webhook_reorder", 0.05)),
}
"""What goes wrong at a provider during random chaos, and how often."""


@dataclass
class StormResult:
    """What a storm did, and which promises were broken."""

    name: str
    ledger: Ledger
    ended: int
    """How many of the accepted payments."""
    broken: list[str]
    struck: Counter[str] = field(default_factory=Counter[str])
    rest_seconds: float = 0.0


@dataclass(frozen=True)
class StoreFault:
    """One way in which a store fails."""

    name: str
    strike: Callable[[Stack, str], None]


def freeze(stack: Stack, store: str) -> None:
    """Freeze it for twenty seconds: connections stay open and nothing answers."""
    stack.pause(store)
    until(lambda: False, _FREEZE_SECONDS)
    stack.resume(store)


def kill(stack: Stack, store: str) -> None:
    """kill -9; the supervisor starts it again, and it recovers."""
    stack.kill(store, signal.SIGKILL)


def refuse(stack: Stack, store: str) -> None:
    """Stop it for ten seconds: connections are refused."""
    stack.stop_service(store)
    until(lambda: False, _REFUSE_SECONDS)
    stack.start_service(store)


STORE_FAULTS: tuple[StoreFault, ...] = (
    StoreFault("frozen for 20 s", freeze),
    StoreFault("killed and restarted", kill),
    StoreFault("refuses connections for 10 s", refuse),
)


def without(system: System, onlooker: Onlooker, store: str, fault: StoreFault, say: Say) -> StormResult:
    """Twenty payments a second through a store's fault."""

    def strike() -> Counter[str]:
        until(lambda: False, _CALM_SECONDS)
        fault.strike(system.stack, store)
        system.stack.wait_ready(store, _READY_SECONDS)
        return Counter({f"{store} {fault.name}": 1})

    seconds = _CALM_SECONDS * 2 + _FREEZE_SECONDS
    return _storm(system, onlooker, f"{store} {fault.name}", seconds, 1, ("charge",), strike, say)


def random(system: System, onlooker: Onlooker, *, minutes: float, seed: int, rate: float, say: Say) -> StormResult:
    """Anything killed or frozen at any time under load, with providers misbehaving; the same again with the same seed."""
    chance = Random(seed)
    end = time.monotonic() + minutes * 60

    def strike() -> Counter[str]:
        struck = Counter[str]()
        while time.monotonic() < end:
            until(lambda: False, min(chance.uniform(*_BETWEEN_SECONDS), max(0, end - time.monotonic())))
            struck.update(_strike_at_random(system.stack, chance, say))
        return struck

    kinds = tuple(KINDS)
    return _storm(system, onlooker, "random chaos", minutes * 60, seed, kinds, strike, say, rate=rate, faults=FAULTS)


def _strike_at_random(stack: Stack, chance: Random, say: Say) -> list[str]:
    """Kill or freeze one process; returns what was done, or nothing when that process is down already."""
    processes = {unit.name: unit for unit in stack.status() if unit.service in (*SERVICES, *STORES)}
    target = chance.choice(list(processes))
    action = chance.choice(("kill", "freeze"))
    seconds = chance.uniform(*_PAUSE_SECONDS)
    if processes[target].state != "ready":
        say(f"{target} is {processes[target].state}, and is spared")
        return []
    say(f"{action} {target}" + (f" for {seconds:.0f} s" if action == "freeze" else ""))
    if action == "kill":
        stack.kill(target, signal.SIGKILL)
    else:
        stack.pause(target)
        until(lambda: False, seconds)
        stack.resume(target)
    return [f"{action} {target}"]


def _storm(
    system: System,
    onlooker: Onlooker,
    name: str,
    seconds: float,
    seed: int,
    kinds: Sequence[str],
    strike: Callable[[], Counter[str]],
    say: Say,
    *,
    rate: float = RATE,
    faults: Mapping[str, Sequence[tuple[str, float]]] = MappingProxyType({}),
) -> StormResult:
    with _merchant(system.stack) as merchant, _misbehaving(system.stack, faults):
        crowd = Crowd(merchant, rate=rate, seed=seed, kinds=tuple(kinds))
        say(f"{name}: {rate:g} payments a second for {seconds:.0f} s")

        async def both() -> Counter[str]:
            striking = asyncio.create_task(asyncio.to_thread(strike))
            await crowd.come(seconds, _PATIENCE_SECONDS, say)
            return await striking

        broken: list[str] = []
        struck = Counter[str]()
        try:
            struck = asyncio.run(both())
        except TimeoutError:
            broken.append(f"customers still waited for answers {_PATIENCE_SECONDS:.0f} s after the storm")
        say("waiting until all is at rest ...")
        began = time.monotonic()
        broken += _come_to_rest(system, onlooker, partial(_decide, onlooker, merchant, crowd.ledger))
        rest_seconds = time.monotonic() - began
        say("comparing the books ...")
        found = census.count(onlooker, merchant, crowd.ledger)
        return StormResult(name, crowd.ledger, found.ended, broken + found.broken, struck, rest_seconds)


@contextmanager
def _merchant(stack: Stack) -> Generator[DemoMerchant]:
    with DemoMerchant.open(stack, running=run_command) as merchant:
        with_statement(merchant)
        merchant.connect_paypal()
        merchant.connect_bank()
        yield merchant


def _decide(onlooker: Onlooker, merchant: DemoMerchant, ledger: Ledger) -> None:
    """What no provider can be asked about a person decides: what may not be sent again was perhaps never sent."""
    for payment_id in doubts.decided(onlooker, merchant):
        ledger.payments[payment_id] = Due("failed")


def _come_to_rest(system: System, onlooker: Onlooker, look_after: Callable[[], None]) -> list[str]:
    last: list[str] = []

    def at_rest() -> bool:
        last[:] = onlooker.open_work()
        if last:
            look_after()
        return not last

    for name in (*STORES, *SERVICES):
        with suppress(StackError):  # what does not come back is seen as work that stays open
            system.stack.wait_ready(name, _READY_SECONDS)
    if until(at_rest, _REST_SECONDS, 0.5):
        return []
    return [f"after {_REST_SECONDS:.0f} s still open: {what}" for what in last]


@contextmanager
def _misbehaving(stack: Stack, faults: Mapping[str, Sequence[tuple[str, float]]]) -> Generator[None]:
    """Have each provider misbehave while the block lasts."""
    with ExitStack() as ending:
        for provider, some in faults.items():
            simulator = ending.enter_context(_simulator(stack, provider))
            for fault, probability in some:
                rule = {"fault": fault, "probability": probability, "delay_seconds": 0.5}
                simulator.post("/_sim/faults", json=rule).raise_for_status()
        yield


@contextmanager
def _simulator(stack: Stack, provider: str) -> Generator[httpx.Client]:
    """A provider's simulator, which misbehaves no more when the block ends."""
    with httpx.Client(base_url=stack.url(f"{provider}-sim"), timeout=_READY_SECONDS) as simulator:
        yield simulator
        simulator.delete("/_sim/faults").raise_for_status()
