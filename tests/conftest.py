"""What every test shares: Hypothesis profiles, chosen by EXTPROC_PROFILE."""

import os

from hypothesis import settings

# `fast` is for every commit: few examples, and the same ones each time, so that a red run is red again.
settings.register_profile("fast", max_examples=25, deadline=None, derandomize=True)
settings.register_profile("deep", max_examples=5_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("EXTPROC_PROFILE", "fast"))
