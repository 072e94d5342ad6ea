"""The report on a published output: can this run be trusted? Driver only.

Everything is told from the manifest, the profile and the quarantine of an output alone, so that a
report can be made again at any time, byte for byte::

    load.py          an output -> what is known about it: known.py, quarantined.py
    report.py        what is known -> a view: view.py says what one is made of
    checks.py        the verdict
    data_parts.py    sections on predictions, columns, drift and the quarantine
    run_parts.py     sections on the run, the model, rows, input and options
    speed_parts.py   sections on time and units
    repeat.py        the command to repeat the run
    words.py         numbers and names as people read them
    page.py          a view -> one HTML file (Jinja2), with pictures from svg.py
    text.py          a view -> text for a terminal
    publish.py       the report of a run that is about to be published
"""
