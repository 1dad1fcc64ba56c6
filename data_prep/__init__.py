"""Tagged text -> length-bucketed Parquet shards. Run `python -m data_prep --help`."""
