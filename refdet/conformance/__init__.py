"""Contracts: the invariants and vectors that any implementation of a rule must satisfy."""
