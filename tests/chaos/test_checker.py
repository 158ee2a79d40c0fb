from chaos.checker import check


def test_a_run_without_faults_is_found_without_fault() -> None:
    pass
