"""Which partition a key belongs to: the murmur2 hash of Kafka's Java client."""

from struct import unpack_from
from typing import Final

_SEED: Final = 0x9747B28C
_M: Final = 0x5BD1E995
_32: Final = 0xFFFFFFFF


def murmur2(key: bytes) -> int:
    """The 32-bit hash, unsigned, of org.apache.kafka.common.utils.Utils.murmur2 (Austin Appleby's MurmurHash2)."""
    length = len(key)
    words = length >> 2
    h = _SEED ^ length
    for word in unpack_from(f"<{words}I", key):
        k = word * _M & _32
        h = h * _M & _32 ^ (k ^ k >> 24) * _M & _32
    if length & 3:
        h = (h ^ int.from_bytes(key[words << 2 :], "little")) * _M & _32
    h = (h ^ h >> 13) * _M & _32
    return h ^ h >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """Kafka's default partitioner for a record with a key: the hash without its sign bit, modulo."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
