"""The crash matrix: records where an operation can be crashed, then crashes it at each of those points, one by one."""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from operator import itemgetter

from operating import run_command

from chaos import promises
from chaos.crossings import BLIND, SEAMS, Crossing
from chaos.merchant import Merchant
from chaos.onlooker import Onlooker
from chaos.operations import OPERATIONS
from chaos.operations.operation import Operation, Scene
from chaos.system import SERVICES, System
from malipo_local.merchant import DemoMerchant
from malipo_local.status import UnitStatus
from malipo_local.waiting import until

REST_SECONDS = 60.0
TRIES = 4
"""How often a crossing is tried, or recorded, because the system happened to take another path."""
ROUNDS = 3
"""Of such tries, as long as a recording between two of them reaches it."""
RECORDINGS = 2
"""Of each operation: what is reached in one alone is known to be reached by chance."""
_STILL_SECONDS = 0.5
_LOOK_SECONDS = 0.2
"""Between two looks at everything that may still be open: they need the processor that the services are to use."""


@dataclass(frozen=True)
class Cell:
    """One operation to be crashed at one crossing."""

    operation: Operation
    crossing: Crossing
    by_chance: bool = field(default=False, compare=False)
    """Whether only some recordings of the operation reached it, as the renewal of a lease in a slow run."""


@dataclass
class Result:
    """The result of a cell: whether the kill struck, and which promises were broken."""

    cell: Cell
    struck: bool
    broken: list[str] = field(default_factory=list[str])

    @property
    def green(self) -> bool:
        """Killed exactly there, and every promise kept."""
        return self.struck and not self.broken

    @property
    def passed(self) -> bool:
        """Nothing to kill: what was reached by chance was not reached again. Neither green nor red."""
        return self.cell.by_chance and not self.struck and not self.broken


class Matrix:
    """Records and crashes operations on one running system; each operation has a merchant of its own."""

    def __init__(
        self, system: System, onlooker: Onlooker, merchants: dict[str, DemoMerchant], rest_seconds: float
    ) -> None:
        self._system = system
        self._onlooker = onlooker
        self._merchants = merchants
        self._rest_seconds = rest_seconds

    def record(self, operation: Operation, recordings: int = 1) -> list[Cell]:
        """Run the operation undisturbed, so many times; returns a cell for each crossing that any of these reached.

        Raises AssertionError if a promise breaks.
        """
        times = Counter(crossing for _ in range(recordings) for crossing in self._recorded(operation))
        return [
            Cell(operation, crossing, by_chance=count < recordings)
            for crossing, count in times.items()
            if operation.steady or crossing.nth == 1
        ]

    def _recorded(self, operation: Operation) -> list[Crossing]:
        scene = self._scene(operation)
        payment_id = operation.prepare(scene)
        self._come_to_rest(operation)
        self._onlooker.have_nothing_repeated()
        self._system.plans.record()
        operation.act(scene, payment_id)
        self._come_to_rest(operation)
        self._be_still()
        self._system.plans.disarm()
        broken = promises.broken(scene, replace(operation, unsent=None))
        assert not broken, f"{operation.name}, undisturbed: {broken}"
        return concerning(operation, self._system.plans.recorded())

    def crash(self, cell: Cell) -> Result:
        """Crash the operation at the crossing; tried again when the system happened to take another path.

        What is not reached then, and not recorded once more either, had been reached by chance. What is recorded once more
        is tried once more: how often offsets are committed, say, is a matter of how messages fell into batches.
        """
        for _ in range(ROUNDS):
            for _ in range(TRIES):
                result = self._crash_once(cell)
                if result.struck or result.broken:
                    return result
            if not self._comes_by(cell):
                return Result(replace(cell, by_chance=True), struck=False)
        return Result(cell, struck=False)

    def crash_any(self, cell: Cell, *others: Cell) -> Result:
        """Crash the first of these that the system reaches again."""
        result = self.crash(cell)
        return self.crash_any(*others) if result.passed and others else result

    def _comes_by(self, cell: Cell) -> bool:
        try:
            return cell.crossing in self._recorded(cell.operation)
        except AssertionError:  # nothing was learned: it stays red
            return True

    def _crash_once(self, cell: Cell) -> Result:
        scene = self._scene(cell.operation)
        plans = self._system.plans
        try:
            payment_id = cell.operation.prepare(scene)
            self._come_to_rest(cell.operation)
            before = self._restarts()
            plans.arm(cell.crossing)
            cell.operation.act(scene, payment_id)
            self._come_to_rest(cell.operation)
            struck = self._strikes()
            self._wait_for_services(before + (struck and cell.crossing.kills))
            broken = promises.broken(scene, cell.operation)
            return Result(cell, struck, broken)
        except Exception as error:  # noqa: BLE001 - whatever it is, this cell is red, and the next one can be tried
            return Result(cell, not plans.disarm(), [f"{type(error).__name__}: {error}"])

    def _strikes(self) -> bool:
        """Whether the plan is carried out; the last crossings come when there is nothing left to wait for.

        It is withdrawn otherwise: no service dies while the promises are checked.
        """
        plans = self._system.plans
        struck = until(lambda: plans.carried_out, _STILL_SECONDS) or not plans.disarm()
        if struck:
            self._come_to_rest(None)
        return struck

    def _scene(self, operation: Operation) -> Scene:
        return Scene(Merchant(self._merchants[operation.name]), self._onlooker, self._onlooker.dead_letters())

    def _come_to_rest(self, operation: Operation | None) -> None:
        preparing = operation is not None and operation.prepare is not Operation.prepare
        last: list[str] = []

        def at_rest() -> bool:
            last[:] = self._starting() or self._onlooker.open_work(authorized_is_an_end=preparing)
            return not last

        if not until(at_rest, self._rest_seconds, _LOOK_SECONDS):
            raise NotAtRest(last, self._rest_seconds)

    def _be_still(self) -> None:
        """Return when no crossing was recorded for a while: offsets are committed after everything else."""
        while True:
            before = self._system.plans.count()
            if not until(lambda before=before: self._system.plans.count() != before, _STILL_SECONDS):
                return

    def _starting(self) -> list[str]:
        """The services that are not ready, as text: while one starts nothing comes to rest, and each look takes time from it."""
        return [f"{unit.name} is {unit.state}" for unit in self._services() if unit.state != "ready"]

    def _restarts(self) -> int:
        return sum(unit.restarts for unit in self._services())

    def _services(self) -> list[UnitStatus]:
        return [unit for unit in self._system.stack.status() if unit.service in SERVICES]

    def _wait_for_services(self, restarts: int) -> None:
        """Wait until the supervisor has noticed every death, so many since the start, and all are ready again."""
        assert until(lambda: self._restarts() >= restarts, REST_SECONDS), "the supervisor noticed no death"
        assert until(lambda: not self._starting(), REST_SECONDS), f"not ready again: {self._starting()}"


class NotAtRest(AssertionError):
    """Something was still open after so long; the message says what."""

    def __init__(self, what: Iterable[str], seconds: float) -> None:
        super().__init__(f"after {seconds:.0f} s still open: {', '.join(what)}")


@contextmanager
def opened(
    system: System, operations: Sequence[Operation] = OPERATIONS, rest_seconds: float = REST_SECONDS
) -> Generator[Matrix]:
    """A matrix on this system, with a merchant for each operation; what is open after `rest_seconds` is red."""
    with ExitStack() as closing:
        merchants = {one.name: closing.enter_context(_merchant(system, one)) for one in operations}
        yield Matrix(system, closing.enter_context(Onlooker(system.stack)), merchants, rest_seconds)


@contextmanager
def _merchant(system: System, operation: Operation) -> Generator[DemoMerchant]:
    with DemoMerchant.open(system.stack, running=run_command) as merchant:
        operation.connect(merchant)
        yield merchant


def concerning(operation: Operation, crossings: Iterable[Crossing]) -> list[Crossing]:
    """Those that the operation leads to: another provider's service comes by where its own clocks have it look, meanwhile."""
    return [one for one in crossings if one.provider in (None, operation.provider)]


def missing(cells: Iterable[Cell]) -> list[str]:
    """Which sides of which seams were never reached, though a service has them: then nothing was tested there."""
    found = {(one.crossing.service, one.crossing.seam, one.crossing.moment) for one in cells}
    return [f"{service}: {moment} {seam}" for service, seam, moment in SEAMS if (service, seam, moment) not in found]


def once(cells: Sequence[Cell]) -> list[Cell]:
    """The cells without those that another operation stands for: the first that reaches the same crossing of a part that
    knows nothing of operations, or the one that is `like` theirs there; each in every recording. Of what is reached by chance,
    as where a clock has a service look, each side of each place is crashed once, in the first operation that it came by in.
    """
    certain = [one for one in cells if not one.by_chance]
    reached = {(one.operation.name, one.crossing.common or one.crossing) for one in certain}
    first = {one.crossing.common or one.crossing: one.operation.name for one in reversed(certain) if _is_blind(one)}
    kept = [one for one in cells if not _is_crashed_elsewhere(one, first, reached)]
    by_chance = {replace(one.crossing, nth=1): one for one in reversed(kept) if one.by_chance}
    return [one for one in kept if not one.by_chance or one is by_chance[replace(one.crossing, nth=1)]]


def _is_blind(cell: Cell) -> bool:
    return cell.crossing.part in BLIND - cell.operation.own


def _is_crashed_elsewhere(
    cell: Cell, first: Mapping[Crossing, str], reached: AbstractSet[tuple[str, Crossing]]
) -> bool:
    name, crossing = cell.operation.name, cell.crossing.common or cell.crossing
    if _is_blind(cell):
        return first.get(crossing, name) != name
    return (cell.operation.like.get(crossing.service, ""), crossing) in reached


def sample(cells: Sequence[Cell], *, each_side: bool = True) -> list[Cell]:
    """One cell for each side of each seam of each service, chosen from as many operations as there are, the same in every run.

    Without `each_side` one for each seam of each service, whose sides take turns: none is left out in all services.
    None that is known to be reached by chance, and of an operation's the one that most others reach, too: what few reach is
    perhaps a clock's. What is of the kit in the providers' services counts as one service.
    """
    chosen: list[Cell] = []
    sides, used, reached = Counter[tuple[str, str]](), Counter[str](), Counter(one.crossing for one in cells)
    for candidates in _grouped([one for one in cells if not one.by_chance], _side if each_side else _seam):
        cell = min(
            candidates,
            key=lambda one: (sides[_side(one)[1:]], used[one.operation.name], -reached[one.crossing]),
        )
        chosen.append(cell)
        sides[_side(cell)[1:]] += 1
        used[cell.operation.name] += 1
    return chosen


def alike(cell: Cell, cells: Iterable[Cell]) -> list[Cell]:
    """The cell itself, and two of the same side of the same seam that may stand in for it, at other places if there are any."""
    others = [one for one in cells if _side(one) == _side(cell) and one != cell and not one.by_chance]
    at_each_place = {one.crossing.place: one for one in reversed(others)}
    return [cell, *sorted(at_each_place.values(), key=lambda one: one.crossing.place == cell.crossing.place)[:2]]


def named(cells: Iterable[Cell], text: str) -> list[Cell]:
    """The cells whose crossing has the name `text`; when there is none, those with `text` in the crossing's name."""
    found = [cell for cell in cells if text in str(cell.crossing)]
    return [cell for cell in found if str(cell.crossing) == text] or found


def spread(cells: Sequence[Cell]) -> list[Cell]:
    """The cells, each service's far apart: one that dies again at once is started later and later."""
    queues: dict[str, list[Cell]] = {}
    for cell in cells:
        queues.setdefault(cell.crossing.service, []).append(cell)
    placed = [((place + 0.5) / len(queue), cell) for queue in queues.values() for place, cell in enumerate(queue)]
    return [cell for _, cell in sorted(placed, key=itemgetter(0))]


def _grouped(cells: Iterable[Cell], key: Callable[[Cell], tuple[str, ...]]) -> Iterable[list[Cell]]:
    found: dict[tuple[str, ...], list[Cell]] = {}
    for cell in cells:
        found.setdefault(key(cell), []).append(cell)
    return found.values()


def _seam(cell: Cell) -> tuple[str, ...]:
    return _side(cell)[:2]


def _side(cell: Cell) -> tuple[str, str, str]:
    crossing = cell.crossing.common or cell.crossing
    return crossing.service, crossing.seam, crossing.moment
