"""An archive of the broker's loaded classes, recorded once per user: with it the broker starts in half the time.

The JVM's application class-data sharing (JEP 350). A JVM that the archive does not fit ignores it.
"""

import tempfile
from pathlib import Path

from devstack.cache import cache_folder, locked
from devstack.errors import StackError
from devstack.kafka import KafkaServer
from devstack.kafka_artifacts import class_archive
from devstack.ports import free_port
from devstack.report import Report

# Writing 50 MB takes 4 s on an idle machine.
STOP_GRACE_S = 60.0


async def ensure_class_archive(jars: Path, report: Report) -> None:
    """Record the archive for this Java if there is none. A failure is told and costs only time.

    Raises:
        StackError: Java is missing.
    """
    archive = class_archive(jars)
    with locked(cache_folder() / "kafka.lock", while_waiting="Waiting for another preparation of Apache Kafka"):
        if not archive.exists():
            report("Apache Kafka: recording its classes for quicker starts, once per user, about 10 s")
            try:
                await _record(jars, archive)
            except (StackError, OSError) as error:
                report(f"Apache Kafka: goes on without recorded classes: {error}")


async def _record(jars: Path, archive: Path) -> None:
    with tempfile.TemporaryDirectory(dir=jars) as scratch:
        recorded = Path(scratch) / archive.name
        options = (f"-XX:ArchiveClassesAtExit={recorded}",)
        broker = KafkaServer(Path(scratch), free_port(), jars=jars, jvm_options=options, stop_grace_s=STOP_GRACE_S)
        try:
            await broker.start()
            await broker.stop()
        finally:
            broker.kill()
        recorded.rename(archive)
