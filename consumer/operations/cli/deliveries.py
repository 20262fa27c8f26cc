"""`--delivery`, in all commands that request posts."""

from typing import Annotated

import typer

from consumer.operations.delivery import Delivery

DeliveryOption = Annotated[
    Delivery | None,
    typer.Option(
        help="live: one call per post. batch: in the provider's batches, within about a day, at half the price.",
        show_default="the event's, else its tenant's, else live",
    ),
]
AS_A_BATCH = (
    "They go to the provider in batches, BATCH_MAX_WAIT_S after they were asked for; "
    "watch them with `instagram-feed batch list`."
)
