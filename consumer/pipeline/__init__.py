"""The way of one event, in steps.

1. `intake` polls the `leased_partitions`, tells records apart (`classified_records`), `claims` the new overlays in
   the ledger, then commits offsets; invalid records go to `dead_letters`, those of other types to
   `ignored_events`, both within a `flood_limit`. `partition_share` says which partitions are leased here.
2. `dispatcher` starts one task for each claimed request; `in_flight` counts them.
3. `worker` holds a `conversation` with the model; `judgement` says what an answer is worth,
   `retry` what follows a failure. It ends in one of the `outcomes`.
4. `outcome_store` stores outcomes in micro-batches, each with the `feed_events` that announce it;
   `outcome_log` logs and counts them.
5. `outbox_relay` publishes the events.

Beside them `sweeper` takes what is due or was left behind, and `lease_keeper` extends the leases.
"""
