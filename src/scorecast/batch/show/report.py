"""What is known about an output -> the view that page and text show."""

from __future__ import annotations

from scorecast import __version__
from scorecast.batch.manifest import Manifest
from scorecast.batch.show import data_parts, run_parts, speed_parts
from scorecast.batch.show.checks import checks_of, verdict_of
from scorecast.batch.show.known import Known
from scorecast.batch.show.view import View
from scorecast.batch.show.words import count, seconds, when
from scorecast.redaction import redacted


def view_of(known: Known) -> View:
    """Give the report on an output; equal values give equal reports."""
    manifest = known.manifest
    run = manifest.run
    checks = checks_of(known)
    status, verdict = verdict_of(checks)
    output = redacted(str(run.options.get("output", "")))
    sections = (
        data_parts.predictions(known),
        data_parts.columns(known),
        data_parts.drift(known),
        data_parts.quarantine(known),
        run_parts.what_ran(run),
        run_parts.model(run),
        run_parts.rows(manifest),
        speed_parts.time(run),
        speed_parts.units(run),
        run_parts.inputs(manifest),
        run_parts.options(run),
        run_parts.repeat(run),
    )
    return View(
        name=output.rstrip("/").rpartition("/")[2] or "output",
        output=output,
        published=f"published {when(run.published_at)} by run {run.run_id}",
        status=status,
        verdict=verdict,
        checks=checks,
        numbers=_numbers(manifest),
        sections=tuple(section for section in sections if section is not None),
        footer=f"Made by scorecast {run.packages.get('scorecast', __version__)} from what is "
        "published with the output; scorecast show makes it again.",
    )


def _numbers(manifest: Manifest) -> tuple[tuple[str, str], ...]:
    run = manifest.run
    total = run.seconds.get("total", 0.0)
    # The time is that of the last try alone.
    rows = sum(unit["rows_in"] for unit in run.units if not unit["resumed"])
    speed = count(rows / total) if rows and total else ""
    given = {
        "predictions": count(run.counters.rows_predicted),
        "rows per second": speed,
        "time": seconds(total) if total else "",
        "engine": run.engine["name"],
        "Spark": run.spark_conf.get("spark.version", ""),
    }
    return tuple((name, text) for name, text in given.items() if text)
