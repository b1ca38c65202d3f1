"""The front door: the HTTP API over the use cases."""
