"""Documents that S3 events tell of: events are read, matched with rules, taken in once, and answered with results."""
