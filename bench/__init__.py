"""Measurements as ratios; trainings many at a time: several seeds, ablations, searches; and the record of both."""
