"""Where and how the ranks run: hosts, threads and devices, set-up. No hyperparameters."""
