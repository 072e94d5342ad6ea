"""How the rows of a unit get from the input to part files: one module per engine.

`spark` lets Spark read them. An engine gives the records of its tasks, which name the files that
count; committing, publishing and reporting are the same for all.
"""
