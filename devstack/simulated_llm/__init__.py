"""A simulated large language model: an OpenAI-compatible HTTP server for development and tests.

``server.SimulatedLlmServer`` runs it in the caller's event loop,
``python -m devstack.simulated_llm`` as a process of its own, and
``control.SimulatedLlmControl`` sets its faults and reads its ledger from either side.
"""
