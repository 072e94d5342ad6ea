"""Models on this machine, without Spark: the same inner loop over local data.

May import `worker`, `packing`, `models` and `artifacts`; never pyspark.
"""
