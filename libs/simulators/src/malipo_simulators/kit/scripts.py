"""Scripts: what becomes of the next payments by themselves, those that a test has said it of."""

from collections.abc import Callable
from dataclasses import dataclass

from pydantic import BaseModel


@dataclass(slots=True, eq=False)
class Script[M: BaseModel, F]:
    """`match` says which payments it is for, `fate` what becomes of them; `times` is of how many, None of any number."""

    id: str
    match: M
    fate: F
    times: int | None
    played: int = 0


class Scripts[M: BaseModel, F]:
    """In order of arrival: the first that fits a payment decides."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._scripts: dict[str, Script[M, F]] = {}
        self._count = 0

    def add(self, match: M, fate: F, times: int | None) -> Script[M, F]:
        """Raise OverflowError at the limit."""
        if len(self._scripts) >= self._limit:
            raise OverflowError(self._limit)
        self._count += 1
        script = Script(f"script_{self._count}", match, fate, times)
        self._scripts[script.id] = script
        return script

    def all(self) -> list[Script[M, F]]:
        """Those that are still to be played."""
        return list(self._scripts.values())

    def remove(self, script_id: str) -> bool:
        return self._scripts.pop(script_id, None) is not None

    def clear(self) -> None:
        self._scripts.clear()

    def play(self, fits: Callable[[M], bool]) -> F | None:
        """What becomes of a new payment. A script that has been played as often as it should be is gone."""
        script = next((one for one in self._scripts.values() if fits(one.match)), None)
        if script is None:
            return None
        script.played += 1
        if script.played == script.times:
            del self._scripts[script.id]
        return script.fate
