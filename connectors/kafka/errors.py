"""What can be wrong with the broker, said to a person."""


class BrokerUnavailable(Exception):
    """No broker to work with. `problem` is what happened, `remedy` what to do about it; neither holds a secret."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}: {remedy}")
        self.problem = problem
        self.remedy = remedy


class TopicsUnfit(Exception):
    """A topic exists that is not as Recado needs it; `problems` says which and how, a line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems
