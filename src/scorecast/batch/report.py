"""What a batch job did: one value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """The outcome of a batch job that published its output.

    Attributes:
        rows_in: Rows that reached the model, after `where`.
        rows_out: Rows in the published output.
        seconds: Wall time from the first check to the published output.
        model_uri: Model URI as asked for.
        resolved_uri: What it stood for.
        model_digest: Digest of the model's files.
        result_type: Spark type of a prediction, as DDL text.
        output: Path of the published output.
    """

    rows_in: int
    rows_out: int
    seconds: float
    model_uri: str
    resolved_uri: str
    model_digest: str
    result_type: str
    output: str

    @property
    def rows_per_second(self) -> float:
        """Rows per second of wall time."""
        return self.rows_out / self.seconds if self.seconds else 0.0

    def summary(self) -> str:
        """Give the report as a few lines of text."""
        lines = {
            "rows in": f"{self.rows_in:,}",
            "rows out": f"{self.rows_out:,}",
            "seconds": f"{self.seconds:.1f}",
            "rows/s": f"{self.rows_per_second:,.0f}",
            "model": self.model_uri,
            "digest": self.model_digest,
            "prediction": self.result_type,
            "output": self.output,
        }
        return "\n".join(f"{name:<11}{value}" for name, value in lines.items())
