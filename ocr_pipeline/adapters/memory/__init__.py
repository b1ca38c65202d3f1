"""Records kept in memory, for tests and trials: the same promises as the database, without its durability."""
