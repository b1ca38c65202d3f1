"""A tiny reader of code pages: how it is made, what it is asked, and its weights. See model/README.md."""
