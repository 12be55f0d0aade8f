"""Benches: cases timed beside each other in one run, reported as ratios."""
