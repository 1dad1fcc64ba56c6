"""Measurements: figures of this machine as ratios, and the record of finished runs."""
