"""What several stages share in moving a document on: sending committed work, settling a document's state."""
