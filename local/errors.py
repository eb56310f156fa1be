"""What keeps a system from starting."""


class CannotStart(Exception):
    """Raised with a sentence that says what to do."""
