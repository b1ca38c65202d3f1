"""The recognition stage: one page is read, guarded and given a confidence."""
