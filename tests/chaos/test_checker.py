from collections import Counter

from chaos.checker import check


def test_a_run_without_faults_is_found_without_fault(run):
    print(Counter(f.type for f in run.evidence.facts), len(run.evidence.ledger))
    assert check(run.evidence, run.plan, most_unknown=1000).violations == []
