"""The command line: `instagram-feed`, or `python -m consumer`."""

import signal

# Imports take a moment: Ctrl-C ends the program then too, without a traceback.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from consumer.operations.cli import main  # noqa: E402 - see above

if __name__ == "__main__":
    main()
