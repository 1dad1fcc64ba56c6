"""Tagged text -> length-bucketed Parquet shards. Run `python -m data_prep --help`."""

import os

# Arrow's other pools keep what they free: ten times the memory that is in use. It chooses one as it is imported;
# pyarrow.set_memory_pool comes too late for the C++ code that writes Parquet.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
