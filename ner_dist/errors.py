"""The base of every error that a user can correct. Its text is the whole message; no traceback is shown for it."""


class UserError(ValueError):
    pass
