"""Options of the job: what is refused, and what is shown of them."""

import pytest

from scorecast.batch.config import BatchPredictConfig
from scorecast.errors import ConfigError


def config(**options) -> BatchPredictConfig:
    """Give the options of a job."""
    return BatchPredictConfig(**{"model_uri": "m", "input": "i", "output": "o", **options})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model_uri": " "}, "model_uri is empty"),
        ({"input": ()}, "input is empty"),
        ({"input": ("a", " ")}, "input is empty"),
        ({"input": ("a", "b", "a/")}, 'input names "a" 2 times'),
        ({"input": ("a", "b"), "input_format": "table"}, "names 2 tables"),
        ({"mode": "replace"}, 'mode is "replace", expected one of error, overwrite'),
        ({"on_error": "skip"}, "on_error"),
        ({"on_corrupt": "null"}, "on_corrupt"),
        ({"partition_by": "day"}, "tuple of names"),
        ({"columns": ()}, "columns names no column"),
        ({"keep": "rid"}, 'keep is "rid"'),
        ({"keep": ()}, "keep names no column"),
        ({"max_errors": -1, "on_error": "null"}, "max_errors is -1"),
        ({"max_error_rate": 1.1, "on_error": "null"}, "max_error_rate is 1.1"),
        ({"max_error_rate": float("nan"), "on_error": "null"}, "max_error_rate is nan"),
        ({"batch_timeout": 0}, "batch_timeout is 0"),
        ({"batch_timeout": float("nan")}, "batch_timeout is nan"),
        ({"batch_timeout": float("inf")}, "batch_timeout is inf, expected seconds"),
        ({"timeout": 0}, "timeout is 0"),
        ({"timeout": float("inf")}, "timeout is inf, expected seconds"),
        ({"fail_on_nan": True, "nan_as_null": True}, "fail_on_nan and nan_as_null are both set"),
        ({"units": 0}, "units is 0"),
        ({"profile": "some"}, "expected one of auto, off, full"),
        ({"max_drift": 0}, "max_drift is 0"),
        ({"max_drift": float("nan")}, "max_drift is nan"),
        ({"profile": "off", "max_drift": 0.2}, "need a profile"),
        ({"profile": "off", "baseline": "b"}, "need a profile"),
        ({"keep_replaced": -1}, "keep_replaced is -1"),
        ({"keep_replaced": float("nan")}, "keep_replaced is nan"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"max_errors": 1}, "need on_error"),
        ({"max_error_rate": 0.1}, "need on_error"),
        ({"mode": "overwrite-partitions"}, "needs partition_by"),
        (
            {
                "mode": "overwrite-partitions",
                "partition_by": ("p",),
                "output_column": "p",
                "on_error": "quarantine",
            },
            'cannot be partitioned by the prediction "p"',
        ),
        ({"mode": "overwrite", "incremental": True}, "incremental adds"),
        ({"trust": "all"}, 'trust is "all", expected one of any, no-pickle, pinned'),
        ({"trust": "pinned"}, 'trust "pinned" needs model_digest'),
        ({"model_digest": "sha256:0"}, 'model_digest is "sha256:0", expected "sha256:" and 64'),
    ],
)
def test_wrong_options(options, words):
    """Each is refused where the job is described, with its name and value."""
    with pytest.raises(ConfigError, match="Invalid batch job options") as failed:
        config(**options)
    assert words in str(failed.value)


def test_the_same_job_is_the_same_whatever_its_model_was_trusted_by():
    """Trust decides whether a job runs, and nothing of what it predicts."""
    digest = f"sha256:{'0' * 64}"
    plain = config()
    pinned = config(trust="pinned", model_digest=digest, model_signature_key="key.pub")
    assert pinned.key_options() == plain.key_options()
    assert pinned.shown_options()["trust"] == "pinned"
    assert pinned.shown_options()["model_signature_key"] == "key.pub"
    assert plain.shown_options()["model_signature_key"] is None
    assert plain.shown_options()["trust"] == "any"


def test_limits_of_none_are_no_limits():
    """With fail, that no row may fail can be said as well."""
    assert config(max_errors=0, max_error_rate=0.0).max_errors == 0
    assert config(input=("a", "b")).inputs == ("a", "b")


def test_secrets_are_not_shown():
    """Values of the environment, and those whose names tell that they are secret, are stars."""
    shown = config(
        input_options={"user": "me", "Password": "p1", "url": "jdbc://me:p2@x"},
        model_config={"api_key": "p3", "depth": 3},
        extra_env={"ANY": "p4"},
        model_uri="https://me:p5@example.com/churn.zip?token=p6",
        baseline="s3://me:p7@bucket/profile.json?token=p8",
    ).shown_options()
    assert not any(secret in str(shown) for secret in [f"p{i}" for i in range(1, 9)])
    assert (shown["input_options"]["user"], shown["model_config"]["depth"]) == ("me", 3)
    assert shown["extra_env"] == {"ANY": "***"}


def test_formats_that_the_job_knows_are_of_any_case():
    """Checks of these formats do not depend on how they are written."""
    given = [config(input_format=kind).input_format for kind in ("Parquet", "TABLE", "binaryFile")]
    assert given == ["parquet", "table", "binaryFile"]
