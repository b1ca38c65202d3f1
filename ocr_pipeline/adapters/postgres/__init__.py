"""Records in PostgreSQL: the tables, the unit of work over them, their schema's versions, and a private server."""
