"""What a manifest says about the world of a run: packages, settings, model. Driver only."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from scorecast import __version__
from scorecast.models.load import flavor_of
from scorecast.models.signature_json import dump_signature
from scorecast.redaction import redacted_values
from scorecast.spark.prepare import CheckedModel
from scorecast.spark.versions import is_connect, parallelism

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_PACKAGES = ("pyspark", "pyarrow", "pandas", "numpy", "mlflow", "mlflow-skinny")
_SHOWN = re.compile(
    r"spark\.(master|app\.id|submit\.deployMode|executor\.(cores|instances|memory|memoryOverhead)"
    r"|driver\.memory|task\.(cpus|maxFailures)|speculation|default\.parallelism"
    r"|hadoop\.mapreduce\.fileoutputcommitter\..*|python\..*|sql\..*)$"
)


def package_versions(model: CheckedModel) -> dict[str, str]:
    """Give the versions of what predicts, on the driver."""
    flavor = flavor_of(model.resolved.info)
    versions = {"scorecast": __version__, "python": platform.python_version()}
    return versions | _installed([*_PACKAGES, *flavor.packages])


def _installed(names: Iterable[str]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def spark_settings(spark: SparkSession) -> dict[str, str]:
    """Give the settings of a session that decide how a job runs, without secrets."""
    settings = {"spark.version": spark.version}
    if is_connect(spark):
        names = ("spark.sql.session.timeZone", "spark.sql.execution.arrow.maxRecordsPerBatch")
        given = {name: str(spark.conf.get(name)) for name in names}
    else:
        # One call to the JVM, where `getAll` takes two for each setting.
        text = spark.sparkContext.getConf().toDebugString()
        given = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
        given["spark.sql.session.timeZone"] = str(spark.conf.get("spark.sql.session.timeZone"))
        given["spark.default.parallelism"] = str(parallelism(spark))
    settings |= {name: value for name, value in given.items() if _SHOWN.match(name)}
    shown: dict[str, str] = redacted_values(dict(sorted(settings.items())))
    return shown


def rules_of_values(spark: SparkSession) -> dict[str, str]:
    """Give the settings of a session by which Spark reads and compares values."""
    names = (
        "spark.sql.ansi.enabled",
        "spark.sql.caseSensitive",
        "spark.sql.legacy.timeParserPolicy",
        "spark.sql.parquet.datetimeRebaseModeInRead",
        "spark.sql.parquet.int96RebaseModeInRead",
        "spark.sql.parquet.int96TimestampConversion",
        "spark.sql.avro.datetimeRebaseModeInRead",
    )
    return {name: str(spark.conf.get(name)).casefold() for name in names}


def model_record(model: CheckedModel) -> dict[str, Any]:
    """Give who the model is."""
    info = model.resolved.info
    signature = info.signature
    return {
        "uri": redacted_values(info.uri),
        "resolved_uri": redacted_values(model.resolved.fetched.resolved_uri),
        "digest": model.resolved.digest,
        "trust": model.resolved.trust,
        "flavor": flavor_of(info).name,
        "name": redacted_values(info.registered_name),
        "version": info.registered_version,
        "run_id": redacted_values(info.run_id),
        "model_id": redacted_values(info.model_id),
        "signature": None if signature is None else dump_signature(signature),
        "result_type": model.result_type.simpleString(),
    }
