"""Predict on parquet data with a model and publish the predictions.

    spark-submit jobs/batch_predict.py --model-uri URI --input PATH --output PATH

Takes the options of ``scorecast batch-predict``; see ``--help``. Runs on the cluster that
spark-submit names; ``--master`` names one when the file is run with Python alone.
"""

import sys

from scorecast.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["batch-predict", *sys.argv[1:]]))
