"""`instagram-feed run`: the consumer itself."""

import asyncio
import gc
import os
import signal
import sys
from threading import Timer

from consumer.errors import FatalError, StartupError
from consumer.operations.cli.errors import CommandError
from consumer.settings import Settings, load
from consumer.settings.current import CurrentSettings
from consumer.telemetry import logs

EXIT_GAVE_UP = 3
EXIT_SECOND_SIGNAL = 130
OBJECTS_BETWEEN_COLLECTIONS = 50_000


def run() -> None:
    """Consume overlay.completed and write posts until SIGTERM or Ctrl-C.

    A first signal lets calls in flight finish (SHUTDOWN_GRACE_S), a second ends at once; SIGHUP reloads secrets
    that are given as files. All settings come from the environment and `.env`; an invalid one ends the program
    with exit code 2. Exit code 3 means that too many records in a row are invalid, or that one cannot be read
    at all: the program stopped and left them where they are, rather than empty the topic into the dead letters.

    Example: instagram-feed run
    """
    # here, so that `--help` and an invalid setting do not wait for the clients' libraries
    import uvloop  # noqa: PLC0415

    settings = load(Settings)
    logs.configure(log_format=settings.log_format, level=settings.log_level)
    _spare_the_collector()
    uvloop.run(_run(settings))


def _spare_the_collector() -> None:
    """Exclude imported objects from garbage collection, and collect less often.

    Hundreds of requests in flight are many live objects and hardly any cycles: collecting every 700 allocations took a
    quarter of the CPU.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS, 20, 100)


async def _run(settings: Settings) -> None:
    from consumer.app.secret_rotation import reread_secrets  # noqa: PLC0415 - see above
    from consumer.lifecycle import END_S  # noqa: PLC0415 - see above
    from consumer.lifecycle import run as run_until_stopped  # noqa: PLC0415 - see above
    from consumer.shutdown import LET_GO_S, exit_at_latest  # noqa: PLC0415 - see above

    stop = asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            os._exit(EXIT_SECOND_SIGNAL)
        stop.set()
        exit_at_latest(settings.shutdown_grace_s + END_S)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    current = CurrentSettings(settings)
    loop.add_signal_handler(signal.SIGHUP, reread_secrets, current)
    failure = None
    try:
        await run_until_stopped(current, stop)
    except StartupError as error:
        failure = CommandError(str(error))
    except FatalError as error:
        failure = CommandError(str(error), exit_code=EXIT_GAVE_UP)
    # the loop does not close before each look-up of a name has ended, which takes as long as the resolver likes
    leaving = Timer(LET_GO_S, _leave, [failure])
    leaving.daemon = True
    leaving.start()
    if failure is not None:
        raise failure


def _leave(failure: CommandError | None) -> None:
    if failure is not None:
        sys.stderr.write(f"instagram-feed: {failure}\n")
    sys.stderr.flush()
    sys.stdout.flush()
    os._exit(failure.exit_code if failure else 0)
