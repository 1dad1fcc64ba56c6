"""Where ranks meet, and how the process of a rank lives: communicator, device, threads, watchdog.

Imports stores, for what messages call their files, and errors. Only horovod_comm.py imports Horovod.
"""
