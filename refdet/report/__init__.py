"""Results as tables, files, plots and pictures."""
