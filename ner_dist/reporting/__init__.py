"""A run as a page: what it scores, how sure that is, where it errs and what it was made of."""
