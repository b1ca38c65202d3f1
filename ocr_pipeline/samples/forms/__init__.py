"""One module a form: each draws its record and lays it out on the sheets of a book."""
