"""The steps and loops that take an event from Kafka to a published post.

1. `intake` polls this process's `partitions`, classifies the records (`classified_records`), `claims` new overlays in
   the ledger, then commits offsets. Invalid records go to `dead_letters`, other event types to `ignored_events`; a
   `flood_limit` bounds both.
2. `dispatcher` starts one task for each claimed request; `in_flight` counts them.
3. `worker` runs a `conversation` with the model; `judgement` turns an answer into a post or rejects it, and `retry`
   decides what follows a failure. Handling ends in one of the `outcomes`.
4. `outcome_store` commits outcomes in micro-batches, together with the `feed_events` that announce them;
   `outcome_log` logs and counts them.
5. `outbox_relay` publishes the events.

Beside them `sweeper` picks up requests that are due or abandoned, and `lease_keeper` extends leases.

Subpackages: `partitions` (who reads what), `tenants` (fair shares), `budgets`, `batches`, `faults` (whose fault a
refusal is), `tracing`.
"""
