"""Which variant a unit belongs to: GrowthBook's published hash version 2 and bucket ranges. Pure.

Who uses GrowthBook computes the same with its own SDK: `hashVersion` 2, the experiment's key as seed, the unit's id as
value. Source: https://docs.growthbook.io/lib/build-your-own, and the SDKs' common test cases.
"""

from collections.abc import Sequence
from typing import Final

HASH_VERSION: Final = 2
BUCKETS: Final = 10_000

_FNV_OFFSET_BASIS: Final = 0x811C9DC5
_FNV_PRIME: Final = 0x01000193
_SUM_TOLERANCE: Final = 0.01

Range = tuple[float, float]
"""Of buckets in [0, 1), the end left out."""


def fnv1a_32(text: str, hashed: int = _FNV_OFFSET_BASIS) -> int:
    """Hash with FNV-1a in 32 bits, over UTF-16 code units as JavaScript has them; `hashed`: the text before it."""
    for unit in text.encode() if text.isascii() else _utf16_units(text):
        hashed = ((hashed ^ unit) * _FNV_PRIME) & 0xFFFFFFFF
    return hashed


def _utf16_units(text: str) -> memoryview:
    return memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H")


def bucket(seed: str | int, value: str) -> float:
    """Return the bucket of a unit: one of 10,000 in [0, 1). The seed may be hashed before."""
    hashed = fnv1a_32(seed) if isinstance(seed, str) else seed
    return fnv1a_32(str(fnv1a_32(value, hashed))) % BUCKETS / BUCKETS


def normalized(weights: Sequence[float]) -> list[float]:
    """Return weights that sum to 1: others GrowthBook makes equal without a word."""
    total = sum(weights)
    return [weight / total for weight in weights]


def bucket_ranges(count: int, coverage: float, weights: Sequence[float] | None = None) -> list[Range]:
    """Return which buckets belong to each of `count` variants; as GrowthBook does, also for weights it does not take.

    Each variant's range keeps its beginning when coverage grows, so that nobody who has a variant gets another.
    """
    coverage = min(max(coverage, 0.0), 1.0)
    if weights is None or len(weights) != count or abs(sum(weights) - 1) > _SUM_TOLERANCE:
        weights = [1 / count] * count
    ranges: list[Range] = []
    start = 0.0
    for weight in weights:
        ranges.append((start, start + coverage * weight))
        start += weight
    return ranges


def choice(of: float, ranges: Sequence[Range]) -> int | None:
    """Return the place of the range that a bucket lies in; None: in no range, so not in the experiment."""
    for place, (start, end) in enumerate(ranges):
        if start <= of < end:
            return place
    return None
