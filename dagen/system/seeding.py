"""Seeds that depend on names and steps alone, so that resuming needs no replay."""

from hashlib import blake2b


def hash_seed(seed: int, step: int, name: str) -> int:
    """63 bits from (seed, step, name), the same in every process."""
    digest = blake2b(f"{seed}/{step}/{name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
