"""How the business says no."""


class Refused(Exception):
    """An anticipated no. ``str`` is a sentence for the person who asked; nothing has changed.

    ``field`` names the input it is about, where there is one; ``code`` is stable for machines.
    """

    def __init__(self, sentence: str, *, field: str = "", code: str = "refused") -> None:
        super().__init__(sentence)
        self.field = field
        self.code = code
