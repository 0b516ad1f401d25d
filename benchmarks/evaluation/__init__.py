"""A whole data set judged by refdet and by its peers: `python -m benchmarks.evaluation.run`."""
