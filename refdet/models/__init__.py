"""The detectors' networks and their checkpoints."""
