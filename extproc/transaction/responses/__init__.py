"""Responses: bodies that are judged, watched or cleaned, whole and as they stream."""
