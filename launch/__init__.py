"""Where and how ranks are started: `python -m launch`. Imports ner_dist and is imported by nothing there.

launchers/     a file or folder a launcher, and the table of them: how to add one is said there
job/           one job: training's arguments, horovodrun, its end, its restarts
remote_hosts/  the list of hosts, ssh, and what must be alike on all of them
doctor/        what a machine lacks for training; needs no package
container/     images and their ssh
setup*.sh, venv.sh make the environments, verify.py tries them; shards.sh builds shards; *.example are settings to copy
"""
