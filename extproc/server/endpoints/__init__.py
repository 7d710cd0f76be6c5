"""The endpoints of pools, as the shell sees them: their metrics are read here, and the files that list them."""

from extproc.server.endpoints.scraping import EndpointScraper

__all__ = ["EndpointScraper"]
