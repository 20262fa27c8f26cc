"""Where the CPU time of one event goes: `python -m bench.profiling`."""
