"""A model server of our own: started, proved by reading, watched, restarted, drained and ended."""
