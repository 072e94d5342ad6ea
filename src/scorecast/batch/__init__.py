"""The batch job: parquet in, predictions out, one run, one report.

`config` says what is asked for, `run` does it, `source` reads, `sink` writes, `report` tells. Later
rooms: units of work and engines, publishing with a manifest, the HTML report. May import `spark`
and everything below it.
"""
