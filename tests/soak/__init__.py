"""A stack under fire for as long as it is asked: `python3 -m tests.soak --minutes 30`."""
