"""Drawing figures for people."""
