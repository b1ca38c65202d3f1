"""How many model servers a load needs, and what waiting it means."""
