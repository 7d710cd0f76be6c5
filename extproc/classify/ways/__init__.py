"""The ways in which a text may be read as another one, and the views that come of it."""

from extproc.classify.ways.views import View, views

__all__ = ["View", "views"]
