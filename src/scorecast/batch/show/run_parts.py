"""Sections on a run: what ran, who the model is, what was read, and how to do it again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from scorecast.batch.file_names import shown
from scorecast.batch.manifest import Manifest, Run
from scorecast.batch.show.checks import is_pinned
from scorecast.batch.show.repeat import (
    MOST_INPUTS,
    default_of,
    not_spelled,
    option_text,
    ordered,
    repeat_command,
)
from scorecast.batch.show.view import Cell, Command, Facts, Section, Table, table
from scorecast.batch.show.words import count, rate, several, when
from scorecast.errors import MLmodelError
from scorecast.models.signature import Signature
from scorecast.models.signature_json import parse_signature
from scorecast.redaction import STARS
from scorecast.texts import size

_FILES = 20


def what_ran(run: Run) -> Section:
    """Say what ran, and on what."""
    conf = run.spark_conf
    rows = {
        "run": run.run_id,
        "started": when(run.started_at),
        "published": when(run.published_at),
        "mode": run.mode,
        "engine": f"{run.engine['name']}: {run.engine['reason']}",
        "Spark": conf.get("spark.version", ""),
        "master": conf.get("spark.master", "Spark Connect"),
        "tasks at once": conf.get("spark.default.parallelism", ""),
        "executors": _executors(conf),
        "time zone": conf.get("spark.sql.session.timeZone", ""),
        "replaced version": run.base_version or "none",
        "job key": run.job_key,
    }
    facts = Facts(tuple((name, text) for name, text in rows.items() if text))
    versions = table(
        "Versions on the driver", ("package", "version"), list(run.packages.items()), "packages"
    )
    return Section("run", "What ran", (facts, versions))


def _executors(conf: Mapping[str, str]) -> str:
    names = {"instances": "", "cores": " cores each", "memory": " memory each"}
    found = [
        f"{conf[key]}{unit}"
        for name, unit in names.items()
        if (key := f"spark.executor.{name}") in conf
    ]
    return ", ".join(found)


def model(run: Run) -> Section:
    """Say who the model is."""
    said = run.model
    rows = {
        "asked for": said["uri"],
        "resolved to": said["resolved_uri"],
        "digest": said["digest"],
        "trust": said.get("trust"),
        "pinned": _yes(is_pinned(run)),
        "name": said.get("name"),
        "version": said.get("version"),
        "run id": said.get("run_id"),
        "model id": said.get("model_id"),
        "flavor": said["flavor"],
        "prediction": said["result_type"],
    }
    facts = Facts(tuple((name, str(text)) for name, text in rows.items() if text))
    signature = _signature(said.get("signature"))
    if signature is None:
        return Section("model", "Model", (facts,), ("The model declares no signature.",))
    parts = [
        table(f"Declared {title}", ("name", "type", "required"), specs, title)
        for title, specs in _specs(signature)
        if specs
    ]
    params: list[tuple[Cell, ...]] = [
        (param.name, str(param.type), json.dumps(param.default, default=str))
        for param in signature.params or ()
    ]
    if params:
        parts.append(table("Declared params", ("name", "type", "default"), params, "params"))
    return Section("model", "Model", (facts, *parts))


def _signature(raw: Mapping[str, Any] | None) -> Signature | None:
    with suppress(MLmodelError):
        return None if raw is None else parse_signature(raw)
    return None


def _specs(signature: Signature) -> Iterator[tuple[str, list[tuple[Cell, ...]]]]:
    for title, specs in (("inputs", signature.inputs), ("outputs", signature.outputs)):
        yield (
            title,
            [
                (f"#{at}" if spec.name is None else spec.name, str(spec.type), _yes(spec.required))
                for at, spec in enumerate(specs or ())
            ],
        )


def _yes(flag: bool) -> str:  # noqa: FBT001 - the word for it
    return "yes" if flag else "no"


def rows(manifest: Manifest) -> Section:
    """Count rows: those of the run, and of earlier runs that the output keeps."""
    counters = manifest.run.counters
    given = {
        "read": counters.rows_read,
        "left out by the condition": counters.rows_filtered_out,
        "reached the model": counters.rows_in,
        "predicted": counters.rows_predicted,
        "quarantined": counters.rows_quarantined,
        "failed": counters.rows_failed,
        "predictions that are NULL": counters.n_null,
        "numbers that are NaN": counters.n_nan,
        "numbers that are infinite": counters.n_inf,
    }
    whole = counters.rows_in
    lines: list[tuple[Cell, ...]] = [
        (
            name,
            "not counted" if number is None else count(number),
            ""
            if number is None or name in ("read", "left out by the condition")
            else _of(number, whole),
        )
        for name, number in given.items()
    ]
    blocks = [
        table("Rows of the run", ("rows", "number#", "of those that reached the model#"), lines)
    ]
    if len(manifest.runs) > 1:
        blocks.append(_runs(manifest))
    total = (
        f"The output holds {count(manifest.rows)} rows in {several(len(manifest.files), 'file')}"
    )
    sizes = sum(file.bytes for file in (*manifest.files, *manifest.quarantine))
    by = f", partitioned by {', '.join(manifest.partition_by)}" if manifest.partition_by else ""
    return Section("rows", "Rows", tuple(blocks), (f"{total} ({size(sizes)}){by}.",))


def _of(number: int, whole: int) -> str:
    return rate(number, whole) if whole else ""


def _runs(manifest: Manifest) -> Table:
    kept = dict.fromkeys((run.run_id for run in manifest.runs), 0)
    for file in manifest.files:
        kept[file.run_id] = kept.get(file.run_id, 0) + file.rows
    lines: list[tuple[Cell, ...]] = [
        (
            when(run.published_at),
            run.mode,
            run.model["digest"],
            count(run.counters.rows_predicted),
            count(kept[run.run_id]),
        )
        for run in reversed(manifest.runs)
    ]
    heads = ("published", "mode", "model", "predicted#", "in the output#")
    return table("Runs whose rows are in the output", heads, lines, "runs")


def inputs(manifest: Manifest) -> Section:
    """Name the files of the input, and those that were left out."""
    files = manifest.inputs
    lines: list[tuple[Cell, ...]] = [
        (shown(file.path), size(file.size), "" if file.rows is None else count(file.rows))
        for file in files[:_FILES]
    ]
    total = sum(file.size for file in files)
    notes = [f"{several(len(files), 'file')}, {size(total)}."] if files else []
    if len(files) > _FILES:
        notes = [f"{notes[0][:-1]}; the first {_FILES} are shown, the manifest names all."]
    if not files:
        source = option_text("input", manifest.run.options.get("input"))
        notes.append(f"The input is not made of files that the manifest knows: {source}.")
    blocks = []
    if manifest.run.skipped:
        left_out: list[tuple[Cell, ...]] = [
            (shown(file["path"]), file["reason"]) for file in manifest.run.skipped
        ]
        blocks.append(table("Files that were left out", ("file", "why"), left_out, "files"))
    if lines:
        blocks.append(table("Files of the input", ("file", "size#", "rows#"), lines))
    return Section("input", "Input", tuple(blocks), tuple(notes))


def options(run: Run) -> Section:
    """Show options and settings: those first that somebody has set."""
    given: list[tuple[Cell, ...]] = []
    left: list[tuple[Cell, ...]] = []
    for name, setting in ordered(run.options):
        is_set = setting not in (None, default_of(name))
        (given if is_set else left).append((name, option_text(name, setting)))
    first = table("Options that were set", ("option", "value"), given, "options")
    folded = Table(
        first.title, first.heads, first.rows + first.folded, tuple(left), f"{len(left)} defaults"
    )
    settings: list[tuple[Cell, ...]] = list(run.spark_conf.items())
    conf = table("Settings of Spark", ("setting", "value"), settings, "settings")
    return Section("options", "Options", (folded, conf))


def repeat(run: Run) -> Section:
    """Give the command to repeat the run."""
    command = repeat_command(run)
    notes = ["It takes the very same model files, by their digest."]
    if run.mode != "append":
        again = "--force --mode overwrite" if run.mode == "error" else "--force"
        notes.append(
            f"On an output that holds this very run it does nothing; {again} makes it again."
        )
    if hidden := not_spelled(run.options):
        notes.append(f"Put {hidden} into a file for --config: a name in it cannot stand there.")
    given = run.options.get("input", ())
    if not isinstance(given, str) and len(given) > MOST_INPUTS:
        notes.append(f"It names {MOST_INPUTS} of {len(given):,} inputs; the manifest has all.")
    if "spark.master" not in run.spark_conf:
        notes.append("It ran on Spark Connect: say where with --master sc://HOST:PORT.")
    if STARS in command:
        notes.append(f"Put in what stands as {STARS}: secrets are not kept.")
    return Section("repeat", "Run it again", (Command(command),), tuple(notes))
