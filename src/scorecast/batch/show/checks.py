"""The verdict on a run, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scorecast.batch.manifest import Counters, Manifest, Run
from scorecast.batch.show.known import Known, Profile
from scorecast.batch.show.view import Check, Status
from scorecast.batch.show.words import count, rate, several, short_digest, value

_INPUT = "Input"


def checks_of(known: Known) -> tuple[Check, ...]:
    """Give the reasons to trust a run, or not to."""
    run = known.manifest.run
    counters = run.counters
    predictions = max(counters.rows_predicted, 1)
    nulls = counters.n_null - (0 if counters.rows_quarantined else counters.rows_failed)
    return (
        _rows(known.manifest),
        _failed(run),
        _values("NULL predictions", max(nulls, 0), predictions),
        _values("NaN, infinite", counters.n_nan + counters.n_inf, predictions, "numbers"),
        _drift(known.profile),
        _input(known.manifest),
        _model(run),
        _units(run),
    )


def verdict_of(checks: Sequence[Check]) -> tuple[Status, str]:
    """Sum up checks in a word and a sentence."""
    wrong = [check.title for check in checks if check.status == "bad"]
    looks = [check.title for check in checks if check.status == "look"]
    if wrong:
        return "bad", f"Do not use these predictions yet. Wrong: {_listed(wrong)}."
    if looks:
        # Nobody knows how many rows a broken file had.
        rows = "All rows that could be read" if _INPUT in looks else "All rows"
        return "look", f"{rows} are accounted for. Look first at: {_listed(looks)}."
    return "ok", "All rows are accounted for, and nothing stands out."


def is_pinned(run: Run) -> bool:
    """Tell whether a run takes only the model that somebody has vouched for.

    That is so by a digest or a key among its options, or by what the model was trusted by.
    """
    given = (run.options.get(name) for name in ("model_digest", "model_signature_key"))
    return run.model.get("trust") == "pinned" or any(given)


def _listed(titles: Sequence[str]) -> str:
    texts = [
        title if title[:2].isupper() or title[:3] == "NaN" else title.lower() for title in titles
    ]
    return ", ".join(texts)


def _rows(manifest: Manifest) -> Check:
    counters = manifest.run.counters
    problems = list(_lost(manifest))
    if problems:
        return Check("bad", "Rows", "; ".join(problems))
    if not counters.rows_in:
        rest = "nothing was added" if any(file.rows for file in manifest.files) else "it is empty"
        return Check("look", "Rows", f"no row reached the model: {rest}")
    out = f"{count(counters.rows_predicted)} predicted"
    if counters.rows_quarantined:
        out += f" + {count(counters.rows_quarantined)} quarantined"
    if counters.rows_read is None:
        text = f"{count(counters.rows_in)} reached the model = {out}; nobody counted those left out"
        return Check("ok", "Rows", text)
    if counters.rows_filtered_out:
        out += f" + {count(counters.rows_filtered_out)} left out by the condition"
    return Check("ok", "Rows", f"{count(counters.rows_read)} read = {out}")


def _lost(manifest: Manifest) -> Iterator[str]:
    run, counters = manifest.run, manifest.run.counters
    out = counters.rows_predicted + counters.rows_quarantined
    if out != counters.rows_in:
        yield f"{count(counters.rows_in)} reached the model, {count(out)} came back"
    read, left_out = counters.rows_read, counters.rows_filtered_out
    if read is not None and read != counters.rows_in + (left_out or 0):
        yield (
            f"{count(read)} were read, {count(counters.rows_in)} reached the model and "
            f"{count(left_out or 0)} were left out"
        )
    for files, wanted, what in (
        (manifest.files, counters.rows_predicted, "output"),
        (manifest.quarantine, counters.rows_quarantined, "quarantine"),
    ):
        rows = sum(file.rows for file in files if file.run_id == run.run_id)
        if rows != wanted:
            yield f"files of the {what} hold {count(rows)} rows, expected {count(wanted)}"
    in_units = sum(unit["rows_in"] for unit in run.units)
    if in_units != counters.rows_in:
        yield f"units tell of {count(in_units)} rows, expected {count(counters.rows_in)}"


def _failed(run: Run) -> Check:
    counters = run.counters
    if not counters.rows_failed:
        return Check("ok", "Failed rows", "none")
    where = "are in the quarantine" if counters.rows_quarantined else "have a NULL prediction"
    share = rate(counters.rows_failed, counters.rows_in)
    text = f"{count(counters.rows_failed)} ({share}) {where}; {_limit(run)}"
    return Check("bad" if _beyond(run, counters) else "look", "Failed rows", text)


def _limit(run: Run) -> str:
    most, share = run.options.get("max_errors"), run.options.get("max_error_rate")
    given = [] if most is None else [count(most)]
    given += [] if share is None else [f"{100 * share:g} %"]
    return f"the limit was {' and '.join(given)}" if given else "there was no limit"


def _beyond(run: Run, counters: Counters) -> bool:
    most, share = run.options.get("max_errors"), run.options.get("max_error_rate")
    failed = counters.rows_failed
    return (most is not None and failed > most) or (
        share is not None and failed > share * counters.rows_in
    )


def _values(title: str, number: int, whole: int, what: str = "rows") -> Check:
    if not number:
        return Check("ok", title, "none")
    share = f" ({rate(number, whole)} of the rows)" if what == "rows" else f" {what}"
    return Check("look", title, f"{count(number)}{share}")


def _drift(profile: Profile | None) -> Check:
    if profile is None:
        return Check("info", "Drift", "not known: the run has no profile")
    drift = profile.drift
    if drift is None:
        return Check("info", "Drift", "not compared: there was no baseline")
    moved = [column for column in drift.columns if column.verdict != "ok"]
    measured = [column for column in drift.columns if column.psi is not None]
    if not measured:
        return Check("info", "Drift", "no column could be compared with the baseline")
    largest = max(measured, key=lambda column: column.psi or 0.0)
    told = f"PSI is {value(largest.psi)} at most ({largest.name})"
    if drift.left_out:
        told += "; some columns could not be compared"
    if not moved:
        return Check("ok", "Drift", f"{several(len(drift.columns), 'column')}: {told}")
    large = sum(column.verdict == "large" for column in moved)
    how = f"{large:,} of them far; " if large else ""
    return Check("look", "Drift", f"{several(len(moved), 'column')} moved, {how}{told}")


def _input(manifest: Manifest) -> Check:
    skipped = len(manifest.run.skipped)
    if skipped:
        return Check("look", _INPUT, f"{several(skipped, 'broken file')} left out")
    if not manifest.inputs:
        return Check("info", _INPUT, "not made of files, so that changes could not be looked for")
    text = f"nothing left out of {several(len(manifest.inputs), 'file')}; unchanged while it ran"
    return Check("ok", _INPUT, text)


def _model(run: Run) -> Check:
    digest = short_digest(run.model["digest"])
    if is_pinned(run):
        by = "pinned to" if run.options.get("model_digest") else "pinned by its signature; it was"
        return Check("ok", "Model", f"{by} {digest}")
    return Check("info", "Model", f"not pinned; it was {digest}")


def _units(run: Run) -> Check:
    resumed = sum(bool(unit["resumed"]) for unit in run.units)
    if resumed:
        text = f"{count(resumed)} of {several(len(run.units), 'unit')} come from an earlier try"
        return Check("info", "Restarts", f"{text} of this very job")
    return Check("ok", "Restarts", "none: one try did all of it")
