"""Read a published output as one version of it, on every store. Driver only."""

from __future__ import annotations

from collections import defaultdict
from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import DataFrame
from pyspark.sql import types as st

from scorecast.batch.manifest import Manifest
from scorecast.batch.output import Output, open_output
from scorecast.batch.publish import published
from scorecast.errors import OutputError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def read_predictions(spark: SparkSession, output: str) -> DataFrame:
    """Give the predictions of the version that is published now.

    The frame holds that version's own files, so that it can be read to its end although a job
    replaces the output meanwhile, for as long as replaced versions are kept (``keep_replaced``).
    On a flat object store this is how an output is read; on other stores
    ``spark.read.parquet(output)`` reads the same rows.

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
    schema = st.StructType.fromJson(dict(manifest.schema))
    # Partition columns are in the paths, below a directory that on flat stores differs by unit.
    groups: dict[str, list[str]] = defaultdict(list)
    for file in manifest.files:
        steps = file.path.split("/")
        first = next((i for i, step in enumerate(steps[:-1]) if "=" in step), 0)
        base = "/".join([root, *steps[:first]])
        groups[base if manifest.partition_by else root].append(f"{root}/{file.path}")
    frames = [
        spark.read.schema(schema)
        .option("basePath", place.store.uri(base))
        .parquet(*(place.store.uri(path) for path in files))
        for base, files in groups.items()
    ]
    return reduce(DataFrame.unionByName, frames)


def _root(place: Output, manifest: Manifest) -> str:
    """Give the directory whose files stay although the output is replaced."""
    kept = place.layout.run(manifest.run_id, "version")
    if not place.layout.flat and place.store.exists(kept):
        return kept
    return place.layout.output
