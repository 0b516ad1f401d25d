"""Training, the same for every detector: steps, epochs, checkpoints, processes, and how to stop."""
