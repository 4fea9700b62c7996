"""Fills the Kafka cache: downloads the jars, and runs the broker once so that Java starts it fast afterwards.

Run as a program of its own (`python -m malipo_local.fill_kafka_cache`), so that its threads and its imports
stay out of the supervisor. It logs to standard output; the last line says what went wrong.
"""

import asyncio
import contextlib
import fcntl
import shutil
import sys
from collections.abc import Generator
from pathlib import Path

from malipo_local import probe
from malipo_local.errors import StartError
from malipo_local.jars import fetch, locked
from malipo_local.kafka_cache import JVM_OPTIONS, KafkaCache, properties, write_properties
from malipo_local.ports import Ports
from malipo_local.process import Child, Command, run

_START_SECONDS = 60.0
_TRAINING_SECONDS = 120.0  # Java writes the cache after the broker has stopped


def fill(cache: KafkaCache) -> None:
    """Make the cache complete; a second caller waits for the first and finds it done."""
    cache.folder.mkdir(parents=True, exist_ok=True)
    with _alone(cache.folder):
        if cache.complete.exists():
            return
        print("Downloading Apache Kafka (45 MB)", flush=True)
        fetch(cache.jars, locked())
        scratch = cache.folder / "first-run"
        for unfinished in (scratch, cache.aot):
            _remove(unfinished)
        scratch.mkdir()
        asyncio.run(_train(cache, scratch))
        _remove(scratch)
        cache.complete.touch()


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _alone(folder: Path) -> Generator[None]:
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


async def _train(cache: KafkaCache, scratch: Path) -> None:
    print("Running Kafka once, so that it starts in a second from now on", flush=True)
    ports = Ports(scratch / "ports.json")
    data, configuration, log = scratch / "data", scratch / "kafka.properties", scratch / "log"
    write_properties(configuration, properties(data, ports.of("kafka"), ports.of("controller")))
    await _format(cache, configuration, log)
    shutil.copy(data / "bootstrap.checkpoint", cache.bootstrap)
    options = [*JVM_OPTIONS, f"-XX:AOTCacheOutput={cache.aot}"]
    command = cache.java(options, "kafka.Kafka", str(configuration))
    child = await Child.start(Command(argv=command, log=log, stop_seconds=_TRAINING_SECONDS))
    try:
        await _until_ready(child, ports.of("kafka"), log)
    finally:
        await child.stop()


async def _format(cache: KafkaCache, configuration: Path, log: Path) -> None:
    arguments = ("format", "--cluster-id=malipo-training-run-01", "-c", str(configuration))
    if await run(Command(argv=cache.java(JVM_OPTIONS, "kafka.tools.StorageTool", *arguments), log=log)) != 0:
        raise _failed("Kafka's storage tool failed", log)


async def _until_ready(child: Child, port: int, log: Path) -> None:
    try:
        async with asyncio.timeout(_START_SECONDS):
            while not await probe.kafka_answers(port):
                if child.exit_code is not None:
                    raise _failed("Kafka ended in its first run", log)
                await asyncio.sleep(0.05)
    except TimeoutError:
        what = f"Kafka was not ready after {_START_SECONDS:.0f} s of its first run"
        raise _failed(what, log) from None


def _failed(what: str, log: Path) -> StartError:
    return StartError(f"{what}: {log.read_text()[-2000:]}")


def main() -> int:
    """Fill the cache for the installed versions."""
    try:
        fill(KafkaCache.current())
    except (StartError, OSError) as failure:
        print(failure)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
