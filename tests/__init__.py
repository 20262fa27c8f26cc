"""Tests by level: unit, contract, integration, acceptance, chaos."""
