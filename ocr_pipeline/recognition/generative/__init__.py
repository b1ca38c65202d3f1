"""Reading with a vision-language model: what is asked of a server, and how its tokens become a page with confidence."""
