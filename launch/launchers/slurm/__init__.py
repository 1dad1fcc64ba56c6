"""A batch script for SLURM: its options, and the script that is filled with them."""
