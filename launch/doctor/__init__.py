"""Says what a machine, or the hosts of a list, lack for training, and what to type about it."""

from launch.doctor.command import add_arguments, examine, run
from launch.doctor.finding import Finding
from launch.doctor.machine import Options

__all__ = ["Finding", "Options", "add_arguments", "examine", "run"]
