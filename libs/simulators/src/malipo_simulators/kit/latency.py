"""How long answers take: drawn from a log-normal distribution, as those of real providers, by the seed."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from malipo_simulators.kit.ids import MILLION, Ids

_P99 = NormalDist().inv_cdf(0.99)
_Seconds = Annotated[float, Field(gt=0, le=3_600)]


class Latency(BaseModel):
    """A log-normal distribution by two of its percentiles, cut off at a cap; and a share of requests that get no answer."""

    model_config = ConfigDict(extra="forbid")

    p50_seconds: _Seconds = Field(description="Half of all answers take less.")
    p99_seconds: _Seconds = Field(description="One of a hundred takes more.")
    cap_seconds: _Seconds = Field(default=30, description="None takes longer.")
    timeouts: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0, description="The share of requests that have their effect, and whose answer never comes."
    )
    timeout_seconds: _Seconds = Field(
        default=60, description="After so long without an answer their connection is closed."
    )

    @model_validator(mode="after")
    def is_a_distribution(self) -> Self:
        """The percentiles must be in their order, and below the cap."""
        if not self.p50_seconds <= self.p99_seconds <= self.cap_seconds:
            raise ValueError("p50_seconds, p99_seconds and cap_seconds must not fall: 0.12, 0.4, 30")
        return self

    def at(self, chance: int) -> float:
        """The seconds that belong to one of a million chances, from the shortest to the longest."""
        normal = NormalDist().inv_cdf((chance + 0.5) / MILLION)
        spread = math.log(self.p99_seconds / self.p50_seconds) / _P99
        return min(self.cap_seconds, self.p50_seconds * math.exp(spread * normal))


@dataclass(frozen=True, slots=True)
class Wait:
    """What one request waits: before its effect, and, unless it is 0, after it for an answer that never comes."""

    seconds: float = 0
    silent_seconds: float = 0


AT_ONCE = Wait()


class Latencies:
    """The distribution that is set, if one is, and how many were drawn from it."""

    def __init__(self, ids: Ids) -> None:
        self._ids = ids
        self._drawn = 0
        self.set_to: Latency | None = None

    def draw(self) -> Wait:
        """What the next request waits."""
        if self.set_to is None:
            return AT_ONCE
        self._drawn += 1
        silent = self._ids.chance("timeout", self._drawn) < self.set_to.timeouts * MILLION
        seconds = self.set_to.at(self._ids.chance("latency", self._drawn))
        return Wait(seconds, self.set_to.timeout_seconds if silent else 0)
