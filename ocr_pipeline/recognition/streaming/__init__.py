"""Guards on text while it is being generated: what has gone wrong is cut short."""
