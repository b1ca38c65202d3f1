"""Queues that S3 events come from."""
