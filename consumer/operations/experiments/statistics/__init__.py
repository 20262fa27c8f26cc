"""The statistics of comparisons: pure functions of sums, one idea per file.

It needs SciPy, which comes with the extra `experiments`; the service never imports it.
"""
