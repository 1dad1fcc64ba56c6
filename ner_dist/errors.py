"""The base of every error a user can mend. Its text is the whole message; no traceback is shown for it."""


class UserError(ValueError):
    pass
