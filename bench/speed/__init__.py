"""What `python -m bench.run` measures: a file a benchmark, each with a function that returns its rows."""
