"""Key providers and the vault that seals data at rest under the keys they wrap."""
