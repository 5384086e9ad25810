"""Hangs at the start."""

while True:
    pass
