"""Which variant a unit belongs to: GrowthBook's published hash version 2 and bucket ranges. Pure.

GrowthBook's own SDKs compute the same: `hashVersion` 2, the experiment's key as seed, the unit's id as value. Source:
https://docs.growthbook.io/lib/build-your-own, and the SDKs' common test cases.
"""

from collections.abc import Sequence
from typing import Final

HASH_VERSION: Final = 2
BUCKETS: Final = 10_000

_FNV_OFFSET_BASIS: Final = 0x811C9DC5
_FNV_PRIME: Final = 0x01000193
_SUM_TOLERANCE: Final = 0.01

Range = tuple[float, float]
"""A half-open range of buckets within [0, 1)."""


def fnv1a_32(text: str, hashed: int = _FNV_OFFSET_BASIS) -> int:
    """Return the 32-bit FNV-1a hash over UTF-16 code units, as in JavaScript; `hashed` is the hash of a prefix."""
    for unit in text.encode() if text.isascii() else _utf16_units(text):
        hashed = ((hashed ^ unit) * _FNV_PRIME) & 0xFFFFFFFF
    return hashed


def _utf16_units(text: str) -> memoryview:
    return memoryview(text.encode("utf-16-le", "surrogatepass")).cast("H")


def bucket(seed: str | int, value: str) -> float:
    """Return the bucket of a unit: one of 10,000 in [0, 1). A seed given as a number is already hashed."""
    hashed = fnv1a_32(seed) if isinstance(seed, str) else seed
    return fnv1a_32(str(fnv1a_32(value, hashed))) % BUCKETS / BUCKETS


def normalized(weights: Sequence[float]) -> list[float]:
    """Return weights that sum to 1: GrowthBook silently replaces others by equal weights."""
    total = sum(weights)
    return [weight / total for weight in weights]


def bucket_ranges(count: int, coverage: float, weights: Sequence[float] | None = None) -> list[Range]:
    """Return the range of buckets of each of `count` variants, as GrowthBook computes it, invalid weights included.

    A variant's range keeps its start when coverage grows, so that no unit changes its variant.
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
    """Return the index of the range that contains a bucket; None if the unit is not in the experiment."""
    for place, (start, end) in enumerate(ranges):
        if start <= of < end:
            return place
    return None
