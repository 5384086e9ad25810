"""The plot *Flights*: its code is in ``main.py``."""
