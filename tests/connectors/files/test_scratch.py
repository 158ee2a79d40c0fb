"""A scratch state answers as one in memory does, wherever it was moved to disk."""

from hypothesis import given
from hypothesis import strategies as st

from connectors.files.scratch import Scratch
from projections.contact import State
from projections.keyspace import MemoryView

keys = st.sampled_from([b"c/acme/ana", b"c/acme/leo", b"t/0001/x", b"t/0002/y", b"i/z", b"u/code"])
steps = st.lists(st.tuples(st.sampled_from(["put", "delete", "spill"]), keys, st.integers(0, 9)), max_size=30)


@given(steps)
def test_it_answers_as_memory_does(done: list[tuple[str, bytes, int]]) -> None:
    plain = MemoryView()
    with Scratch() as scratch:
        for what, key, number in done:
            value = State(sequence=number, phone="+34612345678") if key.startswith(b"c/") else number
            for view in (plain, scratch):
                if what == "put":
                    view.put(key, value)
                elif what == "delete":
                    view.delete(key)
            if what == "spill":
                scratch.spill()
            assert scratch.get(key) == plain.get(key)
        for prefix in (b"t/", b"c/acme/"):
            assert scratch.scan(prefix, 10) == plain.scan(prefix, 10)
            assert scratch.scan(prefix, 1) == plain.scan(prefix, 1)
        assert scratch.scan(b"t/", 10, b"t/0002") == plain.scan(b"t/", 10, b"t/0002")
        assert scratch.after(b"t/0001/x", b"t/", 10) == plain.after(b"t/0001/x", b"t/", 10)
