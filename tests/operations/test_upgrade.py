"""The former release and the next one, side by side under payments: migrated, rolled out, rolled back, and nobody notices."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from bench import books
from bench.figures import percentile
from bench.rolling import PATH, Rolling, during, in_words, up
from malipo_local import services
from operations import releases
from operations.releases import Tree


@dataclass
class Upgrade:
    """A system with two replicas of each service, and the releases that they are of."""

    system: Rolling
    former: Tree
    next: Tree

    def migrate(self) -> None:
        self._migrate(self.next, "at 9999")

    def migrate_back(self) -> None:
        """As every way back does that begins a release with its steps: it changes nothing."""
        self._migrate(self.former, "at 9999, which is newer than this release: nothing to do")

    def _migrate(self, tree: Tree, answer: str) -> None:
        for service in PATH:
            row = services.MIGRATES + service
            environment = {**self.system.stack.service_env(row), **tree.settings}
            command = [sys.executable, "-m", service.replace("-", "_"), "migrate"]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
            assert done.stdout.startswith(answer), done.stdout

    def replace(self, tree: Tree, names: Callable[[str], list[str]]) -> None:
        """Of each service replace these replicas by some of another release, one after the other."""
        for service in PATH:
            for name in names(service):
                self.system.stack.add_replica(service, tree.settings)
                self.system._balance(service)
                self.system.stack.remove_replica(name)
                self.system._balance(service)

    def newest(self, service: str) -> list[str]:
        return self.system._names(service)[-1:]

    def half(self, service: str) -> list[str]:
        return self.system._names(service)[:1]

    def all(self, service: str) -> list[str]:
        return self.system._names(service)


@pytest.fixture(scope="module")
def upgrade(tmp_path_factory):
    folder = tmp_path_factory.mktemp("releases")
    former, following = releases.former(folder / "former"), releases.following(folder / "next")
    told = former.settings if former.folder else {}
    with up(folder / "stack", dict.fromkeys(PATH, told), merchants=1) as running:
        yield Upgrade(running, former, following)
        assert books.differences(running) == []


def steps(upgrade: Upgrade, whole: bool) -> dict[str, Callable[[], None]]:
    out = {"one replica of each is new": lambda: upgrade.replace(upgrade.next, upgrade.half)}
    if whole:
        return {
            "databases are migrated": upgrade.migrate,
            **out,
            "all are new": lambda: upgrade.replace(upgrade.next, upgrade.half),
            "the former release's steps run": upgrade.migrate_back,
            "all are rolled back": lambda: upgrade.replace(upgrade.former, upgrade.all),
        }
    return {
        "databases are migrated": upgrade.migrate,
        **out,
        "the former release's steps run": upgrade.migrate_back,
        "the new ones are rolled back": lambda: upgrade.replace(upgrade.former, upgrade.newest),
    }


@pytest.mark.timeout(900)
def test_a_release_is_rolled_out_and_back_beside_the_former_one_and_no_payment_fails_or_is_lost(upgrade, whole):
    payments_a_second = 20 if whole else 5
    for name, step in steps(upgrade, whole).items():
        phase = during(upgrade.system, name, payments_a_second, step)
        assert phase.payments
        assert phase.errors == {}, in_words(phase)
        told = f"p99 {percentile(phase.told, 0.99):.2f} s, longest {max(phase.told):.2f} s"
        print(f"{name}: {phase.restart_seconds:.0f} s, {phase.payments} payments, 0 failed, 0 lost; told after {told}")  # noqa: T201 - for -s
