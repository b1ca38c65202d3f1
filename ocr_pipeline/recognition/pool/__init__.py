"""Several generation servers as one: whom to ask, who is ill, and what becomes of a page whose server fell ill."""
