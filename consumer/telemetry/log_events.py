"""All log events of the program: a closed set, each with what it says. They name `part.what_happened`.

Code writes the name where it logs; a test compares both ways, so a new event begins here. One fact is
logged once; what happens to each event is one line at its end, with ids and no text of shops or models.
"""

from typing import Final

LOG_EVENTS: Final = {
    # the process
    "consumer.started": "Settings, database, broker and models are in order; intake begins.",
    "consumer.stopping": "Told to stop: nothing new is taken in, what is in flight has the grace period.",
    "consumer.stopped": "All is stored, given back and closed.",
    "consumer.not_closed": "The Kafka consumer did not close in time at the end.",
    "database.doubtful": "The database refused a rehearsed post for a reason that may or may not concern others.",
    "references.unfillable": "Upstream's tables where no row can be made, and why: requests wait for theirs, unpaid.",
    "ops.listening": "Health and metrics answer at this address.",
    "model.refreshed": "The row of a model in use has changed; calls are made and priced as it says now.",
    "model.disused": "A model in use is inactive, or gone from llm_models: it is not called until that is put right.",
    "experiments.running": "Which experiments new overlays may be in from now on, whenever that changes.",
    "experiments.unwritable": "A variant of an experiment cannot be written here, and why: its requests wait.",
    "refresher.store_unavailable": "Rows of models or upstream could not be read again; what was read last holds.",
    "model.shutdown": "The provider shuts a configured model down soon.",
    "close.failed": "A connection or client did not close in time; the process ends all the same.",
    "registry.registered": "The schema registry has the schemas of outgoing events, under these ids.",
    # intake
    "intake.undone": "A poll's records could not be entered in the ledger; they come again.",
    "intake.fatal_error": "Intake cannot go on, and says why; the process ends in good order.",
    "claim.locked": "Somebody else is about to write this event's row; it is claimed again, others are not held up.",
    "event.invalid": "A record is no valid event, and where it lies; it is in the dead letters.",
    "event.ignored": "Records of another event type were skipped: how many since the last such line, and where.",
    # partitions
    "partitions.assigned": "Which partitions this process reads, whenever that changes.",
    "partitions.owner_lost": "A process is gone; its partitions go to those that live.",
    "partitions.not_leased": "The database could not be asked whose the partitions are; unsure ones are not read.",
    "partitions.not_given_back": "The partitions were not given back at the end; others take them when they notice.",
    "partition.records_lost": "The broker deleted records before they were read: which, and how many.",
    "partition.begun_anew": "The topic was made anew; reading begins at this offset.",
    "topic.not_seen": "The broker could not be asked for the topic; what was last seen of it holds.",
    "commit.failed": "Offsets were not committed; after a restart the records come again, and the ledger knows them.",
    # what became of posts
    "outcomes.no_topic": "There is no topic of outcomes: none are read until there is; posts are written as ever.",
    "outcomes.undone": "A poll's outcomes could not be stored; they come again.",
    "outcomes.ended": "No more outcomes are read by this process, and why; posts are written as ever.",
    # calls and requests
    "breaker.opened": "A model is not called any more, and why: account refused, calls failing, or all in vain.",
    "breaker.closed": "A probe was answered: the model is called again.",
    "feed.put_back": "Requests that had failed are tried again: the reason turned out to be everybody's.",
    "reopener.store_unavailable": "The database could not be asked to put requests back; it is asked again.",
    "calls.not_cancelled": "Calls did not end in time when they were cut off at the end.",
    "worker.defect": "A defect of this program while handling one request; it is tried again.",
    "feed.stored": "A post is stored and will be announced.",
    "feed.superseded": "A post came after another process had finished the request; it is dropped.",
    "feed.retry_later": "No post yet: why, and when the request is tried again.",
    "feed.rejected": "A request ended without a post; it is in the failed events and the dead letters.",
    # the ledger
    "store.unavailable": "Results wait in memory until the database takes them; none is lost meanwhile.",
    "store.refused": "The database will not take one result; its request ends in another way.",
    "store.locked": "Somebody else holds rows of these results; they are tried again alone, the others are stored.",
    "store.refused_alike": "The database refuses results for the same reason: all wait, nothing more is paid for.",
    "store.accepted_again": "The database takes results again; those that waited are stored.",
    "spool.written": "Results could not be stored before the end; they are in this file for the next start.",
    "spool.not_written": "The spool cannot be written: the results are lost, each in a line of its own.",
    "spool.stored": "Results that an earlier process left in the spool are in the ledger.",
    "spool.not_stored": "A result in the spool could not be stored now; it stays there for the next start.",
    "spool.unreadable": "A line of the spool was cut off when its process was killed; the others are read.",
    "result.lost": "A paid result is gone: what it was for, and what it cost.",
    "store.not_drained": "Results were left unstored at the end of the grace period.",
    "sweeper.store_unavailable": "The database could not be asked for requests that are due.",
    "leases.store_unavailable": "Leases could not be extended; when they run out, others take over.",
    "leases.not_released": "Leases were not given back at the end; they run out.",
    # the outbox
    "relay.store_unavailable": "The database could not be asked for events to publish; they wait.",
    "relay.publish_failed": "The broker did not take events; they wait in the outbox.",
    "relay.event_too_large": "An event is larger than its topic takes: it is tried again every 5 minutes.",
    "relay.not_drained": "Events were left in the outbox at the end; any process publishes them.",
    "publisher.dead_letters_cut": "The broker takes no dead letters of that size; they go cut, and say so.",
    "publisher.replacing_producer": "The Kafka producer is stuck and is replaced; its events go out again.",
}
