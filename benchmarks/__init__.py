"""Measurements: `bench.py` runs scorecast beside other tools, the other scripts compare ways inside."""
