"""The seed's nine example queries, word for word."""

import re
from collections.abc import Mapping
from pathlib import Path

SEED_QUERIES: Mapping[str, str] = dict(
    re.findall(
        r"^-- query: (\d)[^\n]*\n(.*?;)$",
        (Path(__file__).parents[1] / "fixtures" / "seed_queries.sql").read_text(encoding="utf-8"),
        flags=re.DOTALL | re.MULTILINE,
    )
)
"""Each by its number."""

ANY_ID = "xxx-xxx-xxx"
"""What stands for an id in queries 1 and 3."""
