"""Broker properties that the embedded broker and the one in a container share."""

# There is one broker, so nothing can be replicated; few internal partitions make start and stop quick.
_ONE_BROKER = {
    "node.id": "1",
    "process.roles": "broker,controller",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "5",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "5",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
}

# A killed broker may register again only when its old session has run out (9 s by default).
_QUICK_RESTART = {
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
}

# A first member need not wait for others, and tests may want a dead member noticed within a second.
_QUICK_GROUPS = {
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "500",
}

# A topic that nobody created is a mistake in a setting, and should look like one.
_NO_SURPRISES = {"auto.create.topics.enable": "false"}

SHARED_PROPERTIES = {**_ONE_BROKER, **_QUICK_RESTART, **_QUICK_GROUPS, **_NO_SURPRISES}
