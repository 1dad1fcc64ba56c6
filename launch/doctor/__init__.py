"""Says what a machine, or the hosts of a list, lack for training, and what to type about it."""

from launch.doctor.command import examine, parser
from launch.doctor.finding import Finding
from launch.doctor.machine import Options

__all__ = ["Finding", "Options", "examine", "parser"]
