"""Training of the models that ship with the package, and of none that it needs to run."""
