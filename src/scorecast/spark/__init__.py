"""The adapters to Spark: sessions, types, shipping, and the fronts `spark_udf` and `predict_frame`.

Driver only, but for the closures that fronts hand to Spark, which call straight into `worker`.
pyspark is imported here and in `batch`, nowhere else. May import everything below it.
"""
