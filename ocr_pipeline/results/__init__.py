"""The results stage: reports become page states, retries, reviews and finished documents; text is given out."""
