"""The same model, data and call by MLflow and by scorecast: equal, or different on purpose."""

from __future__ import annotations

import pytest
from parity_cases import CASES

from parity import difference, run_mlflow, run_ours


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case(spark, saved, case):
    """Both do what the table says, and it says whether that is the same."""
    assert case.agrees == (case.relation == "agree")
    path = saved(case.model)
    wrong = [
        f"{who}: {text}"
        for who, text in (
            ("mlflow", difference(run_mlflow(spark, case, path), case.of_mlflow, warned=False)),
            ("ours", difference(run_ours(spark, case, path), case.ours, warned=True)),
        )
        if text
    ]
    assert not wrong, "\n".join([case.row, *wrong])
