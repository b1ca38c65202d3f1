"""Batch OCR for medical documents: scans in, trusted text out, every page accounted for."""

__version__ = "0.1.0"
