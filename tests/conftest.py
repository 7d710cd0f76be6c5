"""What every test shares: the profile `fast` or `deep`, chosen by EXTPROC_PROFILE."""

import os

import pytest
from hypothesis import settings

PROFILE = os.environ.get("EXTPROC_PROFILE", "fast")

# `fast` is for every commit: few examples, and the same ones each time, so that a red run is red again.
settings.register_profile("fast", max_examples=25, deadline=None, derandomize=True)
settings.register_profile("deep", max_examples=5_000, deadline=None, print_blob=True)
settings.load_profile(PROFILE)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is marked `deep`, unless the profile is that or the command line chooses by markers itself.

    What builds images comes first, after the order was drawn: it takes a minute of waiting that others can use.
    """
    items.sort(key=lambda item: item.get_closest_marker("docker") is None)
    if PROFILE == "deep" or config.getoption("-m"):
        return
    deep = [item for item in items if item.get_closest_marker("deep")]
    if deep:
        config.hook.pytest_deselected(items=deep)
        items[:] = [item for item in items if not item.get_closest_marker("deep")]
