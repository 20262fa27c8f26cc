"""`instagram-feed demo`, the first thing a newcomer runs: on a stack of its own, as `make demo` starts it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.ownership import leftovers
from tests.support.environment import PASSED_ON

IN_THIS_ORDER = (
    "instagram-feed migrate",
    "instagram-feed topics create",
    "instagram-feed produce devstack/demo_events.jsonl",
    "instagram-feed run",
    "16 posts stored, 16 events published",
    "Two of the posts",
    "#SaltedButterRoll",
    "instagram_ad_copy has 21 @-mentions",
    "16 posts  ",
    '"event_type": "instagram_feed.created"',
    "overlay_id must be a UUID; tone_style is required",
    "✓ one post for each of the 16 overlays",
    "✓ the 3 duplicates cost no LLM call",
    "✓ one created event for each post",
    "✓ the malformed event is a dead letter",
    "instagram-feed demo --real",
)


@pytest.mark.timeout(300)
def test_the_demo_shows_what_came_of_its_events_and_leaves_nothing_behind(tmp_path: Path) -> None:
    env = {name: os.environ[name] for name in PASSED_ON if name in os.environ} | {"TMPDIR": str(tmp_path)}
    # somebody else's settings must not steer it
    (tmp_path / ".env").write_text("KAFKA_SECURITY_PROTOCOL=SASL_SSL\nOVERLAY_COMPLETED_TOPIC=production\n")
    env |= {"DATABASE_URL": "postgresql://production/feeds", "MAX_EVENT_BYTES": "1024"}

    command = [sys.executable, "-m", "consumer", "demo"]
    demo = subprocess.run(command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert demo.returncode == 0, demo.stdout + demo.stderr
    places = [demo.stdout.find(text) for text in IN_THIS_ORDER]
    assert -1 not in places, dict(zip(IN_THIS_ORDER, places, strict=True))
    assert places == sorted(places)
    assert leftovers(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == [".env"]
