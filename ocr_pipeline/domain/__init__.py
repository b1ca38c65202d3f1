"""The rules of the pipeline, in the standard library alone: no I/O, no clock, no randomness it was not handed."""
