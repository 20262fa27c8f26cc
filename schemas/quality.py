"""The names of the quality gate's rules: a contract, since settings and stored warnings use them."""

from typing import Final, Literal, get_args

QualityRule = Literal[
    "language",
    "markup",
    "entities",
    "quotes",
    "placeholder",
    "link",
    "phone",
    "price",
    "date",
    "hours",
    "shipping",
    "mention",
    "leak",
    "echo",
    "refusal",
    "similar",
    "claims",
    "banned",
]
QUALITY_RULES: Final[tuple[QualityRule, ...]] = get_args(QualityRule)

Sector = Literal["none", "food", "cosmetics"]
"""A tenant's sector, if advertising law has special rules for it."""
SECTORS: Final[tuple[Sector, ...]] = get_args(Sector)
