"""Recognisers behind the `Engine` port."""
