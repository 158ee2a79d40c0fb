"""The jars of the embedded broker: an exact list with hashes (`jars.lock`), fetched once by jgo into Maven's cache.

A jar is used only if its SHA-256 is the one in `jars.lock`, whoever put it into the cache. After a change of
`KAFKA_VERSION`, `python -m connectors.kafka.jars` resolves the list again; nothing else asks what Kafka depends on.
"""

import fcntl
import hashlib
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from connectors.kafka.errors import BrokerUnavailable

# Not 4.3 or 4.4, which lose the end of a transaction when they start again: docs/adr/001-embedded-kafka.md.
KAFKA_VERSION: Final = "4.2.2"
# slf4j's bridge to log4j belongs to Kafka's distribution, not to its jar's dependencies: without it nothing is logged.
ROOTS: Final = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4")
LOCK: Final = Path(__file__).with_name("jars.lock")
CONNECTIONS: Final = 6  # downloads at once
TIMEOUT: Final = 60  # seconds without an answer from Maven Central

Progress = Callable[[int, int], None]  # jars at hand, jars in all


class Jar(NamedTuple):
    """One line of `jars.lock`: `group:artifact:version sha256`."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def path(self) -> str:
        """Where Maven's layout puts it, relative to a repository."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.artifact}-{self.version}.jar"


def locked() -> list[Jar]:
    """The list, in class-path order."""
    lines = [line for line in LOCK.read_text("utf-8").splitlines() if not line.startswith("#")]
    return [Jar._make(line.replace(" ", ":").split(":")) for line in lines]


def cache() -> Path:
    """Maven's local repository, where jgo keeps jars: M2_REPO, jgo's own setting, else ~/.m2/repository."""
    from jgo.config import GlobalSettings

    return Path(GlobalSettings.load().repo_cache)


def fetch(progress: Progress | None = None) -> list[Path]:
    """The jars' paths, after downloading those that are missing or damaged. Blocks; some 43 MB the first time.

    `progress` is called only where something is to be downloaded. Raises BrokerUnavailable.
    """
    jars, root = locked(), cache()
    missing = [jar for jar in jars if _digest(root / jar.path) != jar.sha256]
    if missing:
        with _alone(root):
            # Another process may have fetched them while this one waited.
            missing = [jar for jar in missing if _digest(root / jar.path) != jar.sha256]
            _download(missing, root, len(jars), progress)
    return [root / jar.path for jar in jars]


def _download(missing: list[Jar], root: Path, total: int, progress: Progress | None) -> None:
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=root, timeout=TIMEOUT)

    def one(jar: Jar) -> str | None:
        path = root / jar.path
        path.unlink(missing_ok=True)  # a download cut short, by an earlier process
        try:
            context.project(jar.group, jar.artifact).at_version(jar.version).artifact().resolve()
        except (OSError, RuntimeError) as error:  # requests' exceptions are OSErrors, jgo's own are RuntimeErrors
            return f"{jar.artifact} {jar.version}: {type(error).__name__}"
        if _digest(path) != jar.sha256:
            path.unlink(missing_ok=True)
            return f"{jar.artifact} {jar.version}: not the file that connectors/kafka/jars.lock names (SHA-256 differs)"
        return None

    if progress is not None:
        progress(total - len(missing), total)
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for done, problem in enumerate(pool.map(one, missing), start=total - len(missing) + 1):
            if problem is not None:
                pool.shutdown(cancel_futures=True)
                raise BrokerUnavailable(
                    f"the embedded Kafka could not be downloaded ({problem})",
                    "check the way to Maven Central and run it again, or set RECADO_KAFKA to a Kafka that runs",
                )
            if progress is not None:
                progress(done, total)


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""


@contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One download at a time on this machine: jgo writes straight to the final name."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".recado-download.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Resolve ROOTS by Maven's rules and write `jars.lock`."""
    import jgo

    lines: dict[str, None] = {}
    for root in ROOTS:
        for artifact in jgo.resolve(root):
            path = Path(artifact.resolve())
            lines[f"{artifact.groupId}:{artifact.artifactId}:{artifact.version} {_digest(path)}"] = None
    text = "# The embedded broker's jars, by python -m connectors.kafka.jars: group:artifact:version sha256\n"
    LOCK.write_text(text + "".join(f"{line}\n" for line in lines), "utf-8")
    sys.stdout.write(f"{LOCK.name}: {len(lines)} jars\n")


if __name__ == "__main__":
    main()
