"""The endpoints of a pool and the pick among them: pure; the server's scraper tells what the endpoints report."""

from extproc.routing.endpoints.book import EndpointBook, EndpointState, MetricsSample
from extproc.routing.endpoints.picking import NoEndpointError, Picked, Wish, pick

__all__ = ["EndpointBook", "EndpointState", "MetricsSample", "NoEndpointError", "Picked", "Wish", "pick"]
