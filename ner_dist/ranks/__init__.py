"""Where ranks meet, and how the process of a rank lives: communicator, device, threads, watchdog.

Imports errors alone. Only horovod_comm.py imports Horovod.
"""
