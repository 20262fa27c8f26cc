"""Asking a person's consent to what cannot be undone, or costs money."""

import sys
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

import typer

from consumer.operations.cli.errors import CommandError
from consumer.operations.cli.output import usd
from consumer.telemetry.visible_text import visible

USUAL_MAX_COST_USD = 1.0

YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
MaxCostOption = Annotated[float, typer.Option(min=0, help="Ask, or require --yes, if the estimated cost is higher.")]


def agree(what: str, *, yes: bool, advice: str = "say --yes") -> None:
    """Ask a person to agree to `what`, a sentence.

    Raises:
        CommandError: there is no terminal to ask on, or the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandError(f"{what} Nothing was done; to agree, {advice}.")
    if not typer.confirm(visible(f"{what} Continue?"), err=True):
        raise CommandError("nothing was done")


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person agreed to in advance: a cost, or with `yes` any."""

    max_cost_usd: float
    yes: bool

    def obtain(self, what: str, estimated_usd: Decimal) -> None:
        """Ask a person to agree if `what` is estimated to cost more than they agreed to.

        Raises:
            CommandError: there is no terminal to ask on, or the answer is no.
        """
        if estimated_usd > Decimal(str(self.max_cost_usd)):
            sentence = f"{what} for about USD {usd(estimated_usd)}, more than --max-cost-usd {self.max_cost_usd:g}."
            agree(sentence, yes=self.yes, advice="say --yes, or raise --max-cost-usd")
