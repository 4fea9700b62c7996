"""All state of one simulator of Partner bank."""

from typing import override

from malipo_simulators.kit.settings import SimulatorSettings
from malipo_simulators.kit.shapes import Json
from malipo_simulators.kit.webhooks.courier import Courier
from malipo_simulators.kit.world import World


class BankWorld(World[SimulatorSettings]):
    """It holds no account yet, and moves no money."""

    @override
    def couriers(self) -> list[Courier]:
        return []

    @override
    def counters(self) -> Json:
        return {}
