"""What can be wrong with the broker, said to a person."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

REMEDY: Final = "look at the broker's log, then run it again"  # where nothing better is known


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


@contextmanager
def explained(bootstrap: str) -> Iterator[None]:
    """Turn what kafka-python raises into BrokerUnavailable, in words that name the setting to look at."""
    from kafka.errors import AuthorizationError, KafkaError, KafkaTimeoutError, SaslAuthenticationFailedError

    try:
        yield
    except SaslAuthenticationFailedError as error:
        raise BrokerUnavailable(
            f"Kafka at {bootstrap} refused the credentials",
            "check RECADO_KAFKA_SASL_MECHANISM, RECADO_KAFKA_SASL_USERNAME and RECADO_KAFKA_SASL_PASSWORD",
        ) from error
    except AuthorizationError as error:
        raise BrokerUnavailable(
            f"Kafka at {bootstrap} does not allow this ({type(error).__name__})",
            "ask for the rights on Recado's topics",
        ) from error
    except KafkaTimeoutError as error:
        raise BrokerUnavailable(
            f"no Kafka answers at {bootstrap}",
            "check that it runs, that RECADO_KAFKA is right, and RECADO_KAFKA_SECURITY_PROTOCOL if it is secured",
        ) from error
    except KafkaError as error:
        raise BrokerUnavailable(f"Kafka at {bootstrap} failed ({type(error).__name__})", REMEDY) from error
