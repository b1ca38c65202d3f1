"""Documents that S3 events tell of."""
