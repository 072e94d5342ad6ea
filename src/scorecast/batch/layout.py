"""Names of all that a job keeps beside its output. Driver only.

Beside an output ``out`` stands the hidden directory ``.out.scorecast`` (on a flat object store
``out/_scorecast``), with::

    lock                    held by the job that runs
    swap.json               journal of a replacement in two steps, while it is going on
    versions/00000001.json  manifests in their order, on flat object stores
    runs/RUN/plan.json      what the run does, fixed before it starts
    runs/RUN/commits/UNIT.json   one record for each unit that is complete
    runs/RUN/data/UNIT/     part files of all attempts
    runs/RUN/stops/         why tasks stopped, and how many rows failed so far
    runs/RUN/profiles/      statistics of tasks and of units
    runs/RUN/ready/         the whole new output, until it changes places with the old one
    runs/RUN/version/       links to the files of the output that this run published
    runs/RUN/replaced/      the output that this run replaced
"""

from __future__ import annotations

from dataclasses import dataclass

MANIFEST = "_MANIFEST.json"
PROFILE = "_PROFILE.json"
REPORT = "_REPORT.html"
SUCCESS = "_SUCCESS"
QUARANTINE = "_quarantine"


@dataclass(frozen=True, slots=True)
class Layout:
    """Paths around one output, relative to the directory that holds it.

    Attributes:
        output: Name of the output.
        flat: Whether the store is a flat one, where readers go by the newest manifest.
    """

    output: str
    flat: bool = False

    @property
    def control(self) -> str:
        """Directory of everything that is not the output itself."""
        return f"{self.output}/_scorecast" if self.flat else f".{self.output}.scorecast"

    @property
    def manifest(self) -> str:
        """Manifest of the published output."""
        return f"{self.output}/{MANIFEST}"

    @property
    def lock(self) -> str:
        """File that the running job locks."""
        return f"{self.control}/lock"

    @property
    def journal(self) -> str:
        """Journal of a replacement in two steps."""
        return f"{self.control}/swap.json"

    @property
    def versions(self) -> str:
        """Directory of the numbered manifests."""
        return f"{self.control}/versions"

    def version(self, number: int) -> str:
        """Path of a numbered manifest."""
        return f"{self.versions}/{number:08d}.json"

    @property
    def runs(self) -> str:
        """Directory of all runs."""
        return f"{self.control}/runs"

    def profiles(self, run_id: str) -> str:
        """Directory of the statistics of a run."""
        return self.run(run_id, "profiles")

    def run(self, run_id: str, *parts: str) -> str:
        """Path of something that belongs to a run."""
        return "/".join((self.runs, run_id, *parts))
