"""An HTTP/2 server made for one thing: gRPC streams from Envoy, cheaply.

Everything but `shell` and `listener` is free of I/O: bytes and the time go in, events and bytes come out.
"""
