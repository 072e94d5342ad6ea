"""Read a published output as one version of it, on every store. Driver only."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import reduce
from typing import TYPE_CHECKING

import pyarrow as pa
from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import types as st

from scorecast.batch.manifest import Manifest
from scorecast.batch.output import Output, open_output
from scorecast.batch.publish import published
from scorecast.errors import OutputError
from scorecast.spark.types import to_arrow
from scorecast.worker.reading import read_parts

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# What Spark takes for patterns in paths that it reads.
_GLOB = re.compile(r"[\\\[\]{}*?]")
# What Spark says of a store for which it has no jar.
_NO_CONNECTOR = ("UnsupportedFileSystemException", "ClassNotFoundException")


def read_predictions(spark: SparkSession, output: str) -> DataFrame:
    """Give the predictions of the version that is published now.

    On a flat object store this is how an output is read, by Python where Spark has no connector.
    On other stores ``spark.read.parquet(output)`` reads the same rows; what this adds there is
    that, on file systems with hard links and for outputs published with another mode than
    ``error``, the frame can be read to its end although a job replaces the output meanwhile, for
    as long as replaced versions are kept (``keep_replaced``).

    Args:
        spark: A session that can read the store.
        output: Path or URI of the output.

    Raises:
        OutputError: There is no output, or no job has published it.
    """
    place = open_output(output)
    found = published(place.store, place.layout)
    if found is None or found.manifest is None:
        message = f'No job has published an output at "{output}". Read other data with spark.read.'
        raise OutputError(message)
    manifest = found.manifest
    root = _root(place, manifest)
    try:
        return _by_spark(spark, place, manifest, root)
    except (PySparkException, Py4JError) as error:
        if not any(words in str(error) for words in _NO_CONNECTOR):
            raise
    return _by_python(spark, place, manifest, root)


def _by_spark(spark: SparkSession, place: Output, manifest: Manifest, root: str) -> DataFrame:
    schema = st.StructType.fromJson(dict(manifest.schema))
    # Partition columns are in the paths, below a directory that on flat stores differs by unit.
    groups: dict[str, list[str]] = defaultdict(list)
    for file in manifest.files:
        steps = file.path.split("/")
        first = next((i for i, step in enumerate(steps[:-1]) if "=" in step), 0)
        base = "/".join([root, *steps[:first]])
        path = _GLOB.sub(r"\\\g<0>", place.store.uri(f"{root}/{file.path}"))
        groups[base if manifest.partition_by else root].append(path)
    frames = [
        spark.read.schema(schema).option("basePath", place.store.uri(base)).parquet(*files)
        for base, files in groups.items()
    ]
    return reduce(DataFrame.unionByName, frames)


def _by_python(spark: SparkSession, place: Output, manifest: Manifest, root: str) -> DataFrame:
    """Let Python workers read the files, as they have written them."""
    schema = st.StructType.fromJson(dict(manifest.schema))
    zone = str(spark.conf.get("spark.sql.session.timeZone"))
    arrow = pa.schema([(field.name, to_arrow(field.dataType, zone)) for field in schema])
    by = manifest.partition_by
    files = [(place.store.uri(f"{root}/{file.path}"),) for file in manifest.files]

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield from read_parts(batch.column(0).to_pylist(), arrow, by)

    paths = spark.createDataFrame(files, "file string")
    return paths.repartition(len(files), "file").mapInArrow(read, schema)


def _root(place: Output, manifest: Manifest) -> str:
    """Give the directory whose files stay although the output is replaced."""
    kept = place.layout.run(manifest.run_id, "version")
    if not place.layout.flat and place.store.exists(kept):
        return kept
    return place.layout.output
