"""Bulk runs: many documents, in a window, accounted for."""
