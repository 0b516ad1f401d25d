"""Copies files and functions of refdet into other projects, and checks, updates and removes them.

`refdet.vendoring` has the commands. Nothing here imports `refdet.core`, nor what was copied: both
are read as text.
"""
