"""A kit for tests of the batch job: rows with a number, a model that is a function of it."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def counting_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a model that gives ``rid * 10 + 1``, and fails on rows whose `bad` is true.

    It appends the numbers of its rows to the file that the variable CALLS names, one line a call,
    and fails on rows from 200 on as long as the file is there that the variable STOP names.
    """
    import scorecast
    from scorecast.models.signature import Scalar, Signature, Spec

    def predict(data):
        import os
        from pathlib import Path

        if "CALLS" in os.environ:
            line = ",".join(map(str, data["rid"])) + "\n"
            with Path(os.environ["CALLS"]).open("a") as calls:
                calls.write(line)
        stopped = "STOP" in os.environ and Path(os.environ["STOP"]).exists()
        if data["bad"].any() or (stopped and (data["rid"] >= 200).any()):
            raise ValueError("bad row")
        return data["rid"] * 10 + 1

    inputs = (Spec(Scalar("long"), "rid"), Spec(Scalar("boolean"), "bad"))
    signature = Signature(inputs=inputs, outputs=(Spec(Scalar("long")),))
    return scorecast.save_model(
        predict, tmp_path_factory.mktemp("counting") / "model", signature=signature
    )


@pytest.fixture
def job(spark, tmp_path, counting_model) -> Callable:
    """Give a folder with inputs and an output, and a job on them."""
    from job_kit import Kit

    return Kit(spark, tmp_path, counting_model)
