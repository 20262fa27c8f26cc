"""The command line: `instagram-feed`, or `python -m consumer`."""

import os
import signal

# Imports take a moment: Ctrl-C ends the program then too, without a traceback.
signal.signal(signal.SIGINT, signal.SIG_DFL)
# In a container this may be process 1, which the kernel spares every signal that it does not handle.
if os.getpid() == 1:
    signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))

from consumer.operations.cli import main  # noqa: E402 - see above

if __name__ == "__main__":
    main()
