"""Keep a loaded model out of the collection of garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def frozen_afterwards() -> Iterator[None]:
    """Leave all that exists after the block out of later collections (`gc.freeze`).

    Runs in a Python worker of Spark, once per load of a model. Such a worker collects after every
    task, and looks at each object of the model and of the libraries that came with it: 80 ms a task
    with pandas and scikit-learn alone. What an earlier block has frozen is looked at once more, so
    that models the cache has dropped are freed.
    """
    if gc.get_freeze_count():
        gc.unfreeze()
        gc.collect()
    yield
    gc.collect()
    gc.freeze()
