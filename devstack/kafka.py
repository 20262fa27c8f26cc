"""Embedded Apache Kafka: one broker in KRaft mode as a child process, data in a folder of its own."""

import signal
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from pathlib import Path

from devstack.answers import kafka_problem
from devstack.endpoints import Kind, ServerName
from devstack.kafka_artifacts import RESOURCES, class_archive, java
from devstack.kafka_properties import SHARED_PROPERTIES
from devstack.ownership import dying_with_parent
from devstack.ports import LOOPBACK, free_port, require_free
from devstack.server_process import ServerProcess, run_to_end

START_DEADLINE_S = 60.0
STOP_GRACE_S = 15.0
# The serial collector and the first compiler tier start fastest; a local broker lives for minutes.
JVM_OPTIONS = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class KafkaServer:
    """A broker that can be stopped, killed and started again on the same port and data.

    `jars` is the folder that `kafka_artifacts.ensure_jars` gives. `settings` are broker properties that
    replace or add to the usual ones, `jvm_options` are added for the broker alone, `format_options` for its storage
    (such as the users of SCRAM).
    """

    name: ServerName = "kafka"
    kind: Kind = "embedded"

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        jars: Path,
        controller_port: int | None = None,
        settings: dict[str, str] | None = None,
        jvm_options: Sequence[str] = (),
        format_options: Sequence[str] = (),
        stop_grace_s: float = STOP_GRACE_S,
    ) -> None:
        self.folder = folder
        self.port = port
        self._jars = jars
        self._controller_port = controller_port or free_port()
        self._settings = settings or {}
        self._jvm_options = jvm_options
        self._format_options = format_options
        self._stop_grace_s = stop_grace_s
        # Kafka's own log and what the JVM prints go to the same file, in order.
        self._log = folder / "server.log"
        self._process = ServerProcess("Kafka", folder, self._log)

    @property
    def address(self) -> str:
        """The bootstrap servers."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The broker's pid while it runs."""
        return self._process.pid

    async def start(self) -> None:
        """Format the storage if it is new, start the broker and wait until it answers.

        Raises:
            StackError: Java is missing, or the broker did not come up (port taken, broken data); says why.
        """
        require_free(self.port, "Kafka")
        self._write_properties()
        if not (self._data / "meta.properties").exists():
            await self._format()
        broker = [*self._java("kafka.Kafka", *self._jvm_options), str(self._properties)]
        self._process.start([*dying_with_parent(signal.SIGKILL), *broker])
        await self._process.until_ready(self.problem, deadline_s=START_DEADLINE_S)

    async def stop(self) -> None:
        """Shut it down in order."""
        await self._process.stop(signal.SIGTERM, grace_s=self._stop_grace_s)

    def kill(self) -> None:
        """Send SIGKILL: no shutdown, the log is recovered on the next start."""
        self._process.kill()

    async def problem(self) -> str | None:
        """Return what keeps the broker from answering, None if it does."""
        return "not running" if self.pid is None else await kafka_problem(self.address)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    def _java(self, main_class: str, *options: str) -> list[str]:
        log_options = (
            f"-Dlog4j2.configurationFile={RESOURCES / 'log4j2.properties'}",
            f"-Dkafka.log.file={self._log}",
        )
        archive = class_archive(self._jars)
        sharing = [f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []
        return [java(), *JVM_OPTIONS, *sharing, *options, *log_options, "-cp", f"{self._jars}/*", main_class]

    async def _format(self) -> None:
        cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        tool = self._java("kafka.tools.StorageTool")
        # in one word: an id may begin with "-", which a word of its own would be taken for an option
        options = ["--standalone", f"--cluster-id={cluster_id}", "--config", str(self._properties)]
        command = [*tool, "format", *options, *self._format_options]
        await run_to_end(command, failing=f"Kafka's storage in {self._data} cannot be formatted")

    def _write_properties(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = (f"{key}={value}\n" for key, value in {**self._defaults(), **self._settings}.items())
        self._properties.write_text("".join(lines))

    def _defaults(self) -> dict[str, str]:
        controller = f"{LOOPBACK}:{self._controller_port}"
        return {
            **SHARED_PROPERTIES,
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "controller.quorum.bootstrap.servers": controller,
            "log.dirs": str(self._data),
        }
