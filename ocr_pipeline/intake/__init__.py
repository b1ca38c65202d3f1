"""Intake: what a file is, whether it may come in, and its pages as images."""
