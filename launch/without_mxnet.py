"""horovodrun for a machine that starts ranks on others but cannot load MXNet: python -m launch.without_mxnet.

MXNet's GPU build cannot be loaded where there is no NVIDIA driver, such as in a launcher's pod, and horovodrun would
load it for nothing but to ask whether Horovod has Gloo. launch/venv.sh builds none without.
"""

from __future__ import annotations

import sys

import horovod.runner.launch as launcher

# Not below, because processes that horovodrun starts import this module again.
launcher.gloo_built = lambda verbose=False: True

if __name__ == "__main__":
    sys.exit(launcher.run_commandline())
