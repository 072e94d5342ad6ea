"""Local model directory -> something that predicts.

Reading (`mlmodel`, `signature`, `info`) imports no model code. Loading (`load`) imports the one
library that the model's flavor needs. A new flavor is one file in `flavors/` and one line in its
table. May import `errors` and `extras`, nothing else of the package.
"""
