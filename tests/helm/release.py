"""A release without a cluster: its hooks one after the other, then its services, as Helm and a kubelet start them."""

from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path

from helm import pods
from helm.pods import Container
from helm.processes import Failed, Process, free_ports
from helm.rendering import Object

_RUNS = ("Job", "Deployment", "CronJob")


class Release:
    """The objects of a release, and what was in the cluster before: the Secrets and ConfigMaps that its values name.

    Its containers run as `kind` of process.
    """

    def __init__(
        self, objects: Iterable[Object], given: pods.Data, folder: Path, kind: type[Process] = Process
    ) -> None:
        everything = list(objects)
        self._hooks, self._own = pods.hooks(everything), pods.released(everything)
        self._given, self._folder, self._kind = given, folder, kind
        self._taken: list[int] = []
        self.processes: dict[str, Process] = {}

    def run_hooks(self) -> list[str]:
        """Do what comes before the release; returns what has run. Each sees what was there before, and what hooks have made.

        Raises `Failed`, after which Helm would go no further.
        """
        data = {**self._given, **pods.data_of(self._hooks)}
        ran: list[str] = []
        for hook in self._hooks:
            if hook["kind"] in _RUNS:
                self._process(pods.container(hook, data)).start().wait_ended()
                ran.append(hook["metadata"]["name"])
        return ran

    def run_job(self, name: str) -> list[str]:
        """Do once what a CronJob does by its name's end; returns what it says. Raises `Failed`."""
        (job,) = (one for one in self._own if one["kind"] == "CronJob" and one["metadata"]["name"].endswith(name))
        process = self._process(pods.container(job, self._data())).start()
        process.wait_ended()
        return list(process.said())

    @contextmanager
    def shell(self, name: str) -> Generator[Process]:
        """Where an operator runs commands as a service, or as who makes topics. Raises `Failed`."""
        (job,) = (
            one for one in self._own if one["kind"] == "Job" and one["metadata"]["name"].endswith(f"shell-{name}")
        )
        process = self._process(pods.container(job, self._data())).start()
        try:
            process.wait_runs()
            yield process
        finally:
            process.stop()

    def prepared(self) -> dict[str, Process]:
        """A process of each Deployment, by its component, not started yet: where it will be is known then."""
        deployments = [one for one in self._own if one["kind"] == "Deployment"]
        found = [self._process(pods.container(one, self._data())) for one in deployments]
        self.processes = {process.container.component: process for process in found}
        return self.processes

    @contextmanager
    def serving(self) -> Generator[None]:
        """All services, ready. Raises `Failed`, also if one would have to be killed in the end."""
        try:
            for process in self.processes.values():
                process.start()
            for process in self.processes.values():
                process.wait_ready()
            yield
        finally:
            failed = [str(error) for process in self.processes.values() if (error := _stopped(process))]
        if failed:
            raise Failed("\n".join(failed))

    def url(self, service: str) -> str:
        """Where a service is reached."""
        return self.processes[service].url()

    def _data(self) -> Mapping[tuple[str, str], Mapping[str, str]]:
        return {**self._given, **pods.data_of(self._own)}

    def _process(self, container: Container) -> Process:
        return self._kind(container, self._folder, free_ports(container, self._taken))


def _stopped(process: Process) -> Failed | None:
    try:
        process.stop()
    except Failed as error:
        return error
    return None
