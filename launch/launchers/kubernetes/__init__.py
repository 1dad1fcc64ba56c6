"""An MPIJob for Kubernetes: its options, the objects it consists of, and the file for kubectl."""
