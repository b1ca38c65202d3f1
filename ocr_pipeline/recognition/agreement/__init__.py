"""Agreement between two readers of one page: where they differ, nobody should be sure."""
