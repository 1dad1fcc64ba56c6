"""A token per line in columns, and tables of text: which column is what, and a file for each dialect."""
