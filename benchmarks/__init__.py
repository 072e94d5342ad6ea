"""Measurements: `bench.py` runs scorecast beside other tools, other scripts compare ways inside."""
