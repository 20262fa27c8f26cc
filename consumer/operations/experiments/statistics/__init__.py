"""The arithmetic of comparisons: pure functions of sums, each idea a file.

It needs SciPy, which comes with the extra `experiments`; the service never imports it.
"""
