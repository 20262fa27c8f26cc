"""Metrics of the process: versions, readiness and loops."""

import asyncio
import platform
from importlib.metadata import version
from typing import Final

from prometheus_client import CollectorRegistry, Gauge

from consumer.telemetry.metrics.lean_histogram import LeanHistogram
from consumer.telemetry.metrics.live_gauge import LiveGauge

DELAY_INTERVAL_S: Final = 0.5
DELAY_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
DISTRIBUTION: Final = "instagram-feed-consumer"


class ProcessMetrics:
    """Metrics of the process itself."""

    def __init__(self, registry: CollectorRegistry) -> None:
        build = Gauge(
            "instagram_feed_build_info",
            "1, with the version of the program and of Python",
            ["version", "python_version"],
            registry=registry,
        )
        build.labels(version(DISTRIBUTION), platform.python_version()).set(1)
        self.ready = LiveGauge("instagram_feed_ready", "1 while /readyz says ready, else 0", registry=registry)
        self.last_round_age_s = LiveGauge(
            "instagram_feed_loop_last_round_age_seconds",
            "Time since a loop started its last round; after 60 s /healthz fails",
            ["loop"],
            registry=registry,
        )
        self.loop_delay_s = LeanHistogram(
            "instagram_feed_event_loop_delay_seconds",
            "Delay of event loop timers, measured twice a second",
            buckets=DELAY_BUCKETS_S,
            registry=registry,
        ).labels()


async def watch_event_loop(metrics: ProcessMetrics) -> None:
    """Measure the delay of the event loop's timers forever."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + DELAY_INTERVAL_S
        await asyncio.sleep(DELAY_INTERVAL_S)
        metrics.loop_delay_s.observe(max(0.0, loop.time() - due))
