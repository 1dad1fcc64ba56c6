"""Object stores: addresses, single objects, a cache on local disk, and folders that are published as a whole.

The one place that talks to stores, through pyarrow's file systems, which are imported when the first address is used.
"""
