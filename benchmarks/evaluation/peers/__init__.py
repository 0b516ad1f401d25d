"""Each evaluator behind functions of the same names: `from_arrays`, `from_lists`, `from_images`.

A file imports its package at the top, so that importing it is not timed; calling it is.
"""
