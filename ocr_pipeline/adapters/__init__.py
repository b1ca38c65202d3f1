"""The world outside: stores, keys, queues, databases and recognisers behind the ports."""
