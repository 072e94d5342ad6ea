"""What a batch job did: one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any

from scorecast.batch.manifest import Counters
from scorecast.batch.overlap import local_path


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """The outcome of a batch job that published its output, or found it published already.

    Attributes:
        counters: Rows of the run, see `Counters`.
        rows_out: Rows in the published output, those of earlier runs included that it keeps.
        seconds: Wall time from the first check to the published output.
        model_uri: Model URI as asked for.
        resolved_uri: What it stood for.
        model_digest: Digest of the model's files.
        trust: What the model was taken by: ``"any"``, ``"no-pickle"`` or ``"pinned"``.
        result_type: Spark type of a prediction, as DDL text.
        output: Path of the published output.
        run_id: Run that published it.
        job_key: What the job does, see `scorecast.batch.key`.
        already_published: Whether the output was there already, so that nothing was predicted.
        units: Units of work, and how many of them an earlier try had done.
        rows_resumed: Rows of those, which `seconds` says nothing of.
        skipped: Input files that were left out because ``on_corrupt="skip"`` asked for it.
        engine: What read the rows, ``"spark"`` or ``"arrow"``.
        engine_reason: Why.
        profile: How many rows were profiled, or why none; empty where none were to be.
        drift: How far columns are from a baseline, as in ``_PROFILE.json``, or None.
        report: Path or URI of the report on the published output, or None where it has none.
        no_report: Why it has none, and what to do.
    """

    counters: Counters
    rows_out: int
    seconds: float
    model_uri: str
    resolved_uri: str
    model_digest: str
    result_type: str
    output: str
    run_id: str
    job_key: str
    already_published: bool = False
    trust: str = "any"
    units: int = 1
    resumed_units: int = 0
    rows_resumed: int = 0
    skipped: tuple[str, ...] = field(default=())
    engine: str = "spark"
    engine_reason: str = ""
    profile: str = ""
    drift: Mapping[str, Any] | None = None
    report: str | None = None
    no_report: str = ""

    @property
    def rows_in(self) -> int:
        """Rows that reached the model."""
        return self.counters.rows_in

    @property
    def rows_quarantined(self) -> int:
        """Rows in the quarantine."""
        return self.counters.rows_quarantined

    @property
    def rows_per_second(self) -> float:
        """Rows per second of wall time; those that were predicted before do not count."""
        rows = 0 if self.already_published else self.rows_in - self.rows_resumed
        return rows / self.seconds if self.seconds else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Give the report as JSON values."""
        return {**asdict(self), "rows_per_second": round(self.rows_per_second, 1)}

    def summary(self) -> str:
        """Give the report as a few lines of text."""
        return "\n".join(f"{name:<12}{value}" for name, value in self._lines().items())

    def _repr_html_(self) -> str:
        """Show the report as a table in a notebook."""
        rows = [
            f'<tr><th style="text-align:left">{escape(name)}</th>'
            f'<td style="text-align:left">{escape(value)}</td></tr>'
            for name, value in self._lines().items()
            if name != "report"
        ]
        rows.append(
            f'<tr><th style="text-align:left">report</th>'
            f'<td style="text-align:left">{self._link()}</td></tr>'
        )
        return f"<table>{''.join(rows)}</table>"

    def _link(self) -> str:
        """Give the place of the report, as a link where a browser may follow it."""
        if self.report is None:
            return escape(self._lines()["report"])
        text = f"<code>{escape(self.report)}</code>"
        place = local_path(self.report)
        if place is None:
            return text
        return f'<a href="{escape(place.absolute().as_uri())}">{text}</a>'

    def _lines(self) -> dict[str, str]:
        counters = self.counters
        lines = {"rows in": f"{counters.rows_in:,}"}
        if counters.rows_filtered_out:
            lines["left out"] = f"{counters.rows_filtered_out:,} by the condition"
        if counters.rows_quarantined:
            lines["quarantined"] = f"{counters.rows_quarantined:,}"
        elif counters.rows_failed:
            lines["failed"] = f"{counters.rows_failed:,}, with a NULL prediction"
        lines["rows out"] = f"{self.rows_out:,}"
        if self.already_published:
            lines["published"] = "already, by the same job; nothing was predicted"
        else:
            lines["seconds"] = f"{self.seconds:.1f}"
            lines["rows/s"] = f"{self.rows_per_second:,.0f}"
        if self.resumed_units:
            lines["resumed"] = f"{self.resumed_units} of {self.units} units were done already"
        if self.profile:
            lines["profile"] = self.profile
        if self.drift is not None:
            lines["drift"] = _largest(self.drift)
        lines["engine"] = f"{self.engine}: {self.engine_reason}"
        lines |= {
            "model": self.model_uri,
            "digest": self.model_digest,
            "trust": self.trust,
            "prediction": self.result_type,
            "output": self.output,
        }
        lines |= {f"skipped {i}": path for i, path in enumerate(self.skipped, start=1)}
        lines["report"] = self.report or self.no_report or "none"
        return lines


def _largest(drift: Mapping[str, Any]) -> str:
    """Give the column that drifted most, in a line."""
    largest = drift["largest"]
    if largest is None:
        return f"not known: nothing could be compared with {drift['baseline']}"
    names = ("name", "role")
    column = next(c for c in drift["columns"] if all(c[name] == largest[name] for name in names))
    return (
        f'{column["verdict"]}: PSI {column["psi"]:.3g} of {column["role"]} "{column["name"]}", '
        f"against {drift['baseline']}"
    )
