"""`--delivery`, in all commands that have posts written."""

from typing import Annotated

import typer

from consumer.operations.delivery import Delivery

DeliveryOption = Annotated[
    Delivery | None,
    typer.Option(
        help="live: by a call each. batch: by the provider's batches, within about a day, at half the price.",
        show_default="what the event says, else what its tenant has, else live",
    ),
]
AS_A_BATCH = (
    "They go to the provider in batches, BATCH_MAX_WAIT_S after they were asked for; "
    "watch them with `instagram-feed batch list`."
)
