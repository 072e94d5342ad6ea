"""What runs inside a Python worker: the one inner loop, and the loaded models.

No module here imports pyspark, YAML or click, so that a worker needs no more than Spark's own Arrow
UDFs need. The same loop runs on the driver for local prediction. May import `cache`, `packing` and
`models`.
"""
