"""Object stores: a local directory, S3 and memory, and the reading of input from S3."""
