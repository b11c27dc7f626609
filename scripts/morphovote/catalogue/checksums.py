"""Checksums of FITS files written piece by piece (FITS standard 4.0, 4.4.2.7 and appendix J)."""

import numpy as np

# Between digits and capitals, and between capitals and small letters: not used in a checksum.
NOT_LETTERS = {*range(0x3A, 0x41), *range(0x5B, 0x61)}


def add_words(data: bytes, total: int = 0) -> int:
    """Add bytes as words of 32 bits, with carries put back in (ones' complement)."""
    padded = data + bytes(-len(data) % 4)
    total += int(np.frombuffer(padded, ">u4").sum(dtype=np.uint64))
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return total


def encode_sum(total: int) -> str:
    """The 16 letters that bring the sum of an HDU with this sum to zero (CHECKSUM)."""
    complement = 0xFFFFFFFF - total
    letters = [0] * 16
    for place, byte in enumerate(complement.to_bytes(4, "big")):
        four = [byte // 4 + 0x30] * 4
        four[0] += byte % 4
        while NOT_LETTERS & set(four):
            for left in (0, 2):
                if NOT_LETTERS & set(four[left : left + 2]):
                    four[left] += 1
                    four[left + 1] -= 1
        letters[place::4] = four
    # The value of a card starts at its 12th byte, the last of a word.
    return bytes(letters[-1:] + letters[:-1]).decode("ascii")
