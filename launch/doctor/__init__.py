"""Lists what a machine, or the hosts of a list, lack for training, and the commands that repair it.

checks/ has the checks by subject, and examination.py the table of them. Imports only the standard library,
launch.remote_hosts and what in ner_dist needs no package, because the doctor is called when packages are broken.
"""

from launch.doctor.doctor_command import examine
from launch.doctor.finding import Finding
from launch.doctor.machine import DoctorOptions

__all__ = ["DoctorOptions", "Finding", "examine"]
