"""The command line: `instagram-feed`, or `python -m consumer`."""

from consumer.operations.cli import main

if __name__ == "__main__":
    main()
