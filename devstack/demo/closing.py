"""What to try after the demo."""

from collections.abc import Iterator, Mapping

from devstack.demo.wishes import KEPT_ENV_FILE, Wishes

OWN_STACK = """\
instagram-feed stack up --env-file .env.stack
set -a; . ./.env.stack; set +a
instagram-feed migrate && instagram-feed topics create && instagram-feed doctor
instagram-feed run &
instagram-feed produce devstack/demo_events.jsonl
instagram-feed feeds list
instagram-feed stack down --env-file .env.stack"""

KEPT_STACK = f"""\
set -a; . ./{KEPT_ENV_FILE}; set +a
instagram-feed feeds list
instagram-feed doctor
instagram-feed run &
instagram-feed produce devstack/demo_events.jsonl     # known already: costs nothing
instagram-feed stack down --env-file {KEPT_ENV_FILE}"""


def closing_words(wishes: Wishes, environ: Mapping[str, str]) -> Iterator[str]:
    """Paragraphs in rich's markup: how to use what is left, or how to go on."""
    if wishes.keep:
        yield "[bold]The stack still runs.[/] Use it, and end it when you are done:"
        yield _indented(KEPT_STACK)
    else:
        yield "[bold]Next[/], the same by hand:"
        yield _indented(OWN_STACK)
    if wishes.real:
        return
    if environ.get("OPENAI_API_KEY"):
        yield "You have an OPENAI_API_KEY: [bold]instagram-feed demo --real[/] has the real model write; it asks first."
    else:
        yield "With your key in OPENAI_API_KEY, [bold]instagram-feed demo --real[/] has the real model write."


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
