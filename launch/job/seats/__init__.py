"""Places for ranks in a user's cluster: a task there starts seat.py, which connects to seat_server.py here.

seated_launch.py is what the launchers for clusters share, seated_job.py the process that runs one attempt of a job.
"""
