"""horovodrun for a machine that starts ranks on others but cannot load MXNet itself, for example a launcher's pod.

MXNet's GPU build cannot be loaded without an NVIDIA driver. horovodrun would load it only to find out whether Horovod
has Gloo, and launch/venv.sh always builds it with Gloo. Run as python -m launch.job.horovodrun_without_mxnet.
"""

from __future__ import annotations

import sys

import horovod.runner.launch as launcher

# At import, because the processes that horovodrun starts import this module again.
launcher.gloo_built = lambda verbose=False: True

if __name__ == "__main__":
    sys.exit(launcher.run_commandline())
