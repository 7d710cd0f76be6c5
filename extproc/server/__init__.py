"""The only asyncio and grpc: transports, workers, health, drain."""
