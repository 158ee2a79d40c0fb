"""A setting that cannot be used."""


class SettingError(Exception):
    """One line for a person; the command line ends with status 2. `value` is None where it is absent or a secret."""

    def __init__(self, name: str, value: str | None, rule: str) -> None:
        super().__init__(f"{name} {rule}" + ("" if value is None else f"; it is {value!r}"))
        self.name = name
        self.value = value
        self.rule = rule
