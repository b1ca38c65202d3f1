"""Model profiles: what each vision-language model must be asked, and how to understand what it answers."""
