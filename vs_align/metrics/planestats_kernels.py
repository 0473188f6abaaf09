"""Numba kernels of the PlaneStats metric: block sums, lower bounds and exact sums of absolute differences.

All kernels are serial and release the GIL, so that several threads may run them side by side. Pictures arrive as
the address of their first row, because a list of hundreds of frames is too slow to hand over as arrays.

The exact sums are kept in float64, which holds every sum of an integer picture exactly (below 2**53). Sums of
float pictures are added up in four lanes, in the order in which `std.PlaneStats` adds them on AVX2, so that its
scores come back to the last bit.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.extending import intrinsic

# Coarse blocks are this many fine blocks wide and high.
COARSE = 4
# Rounding may lift the bound of a float picture above the truth; these take more away than rounding can add:
# float32 differences are off by at most 2**-24 each, float64 sums of 32x32 pixels by 1024 * 2**-53 of their size.
_RELATIVE_SLACK = 1e-6
_ABSOLUTE_SLACK = 1e-12
# A candidate whose bound is below this share of the best exact sum is likely to beat it: it is tried alone first,
# because a lower best sum drops other candidates early.
_PROMISING = 0.7
_MAX_TRIALS = 3


@intrinsic
def _as_pointer(_context: Any, address: Any) -> Any:
    def codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(address), codegen


@njit(nogil=True, cache=True)
def _sum_columns(picture: Any, top: Any, bottom: Any, width: Any, line: Any, floating: Any) -> Any:
    """Sum each column of the rows from top to bottom, four rows at a time, which saves loads and stores."""
    line[:] = 0
    whole = top + (bottom - top) // 4 * 4
    for y in range(top, whole, 4):
        row0, row1, row2, row3 = picture[y], picture[y + 1], picture[y + 2], picture[y + 3]
        if floating:
            for x in range(width):
                line[x] += (np.float64(row0[x]) + np.float64(row1[x])) + (np.float64(row2[x]) + np.float64(row3[x]))
        else:
            for x in range(width):
                four = np.int32(np.int32(row0[x]) + np.int32(row1[x]) + np.int32(row2[x]) + np.int32(row3[x]))
                line[x] = np.int32(np.int32(line[x]) + four)
    for y in range(whole, bottom):
        row0 = picture[y]
        for x in range(width):
            line[x] += row0[x]


@njit(nogil=True, cache=True)
def _sum_blocks(
    picture: Any, height: Any, width: Any, block: Any, floating: Any, line: Any, coarse: Any, fine: Any
) -> Any:
    columns = (width + block - 1) // block
    coarse_columns = (columns + COARSE - 1) // COARSE
    coarse[:] = 0
    magnitude = 0.0
    for top in range(0, height, block):
        _sum_columns(picture, top, min(top + block, height), width, line, floating)
        block_row = top // block
        for block_column in range(columns):
            left = block_column * block
            total = line[left]
            for x in range(left + 1, min(left + block, width)):
                total += line[x]
            fine[block_row * columns + block_column] = total
            coarse[block_row // COARSE * coarse_columns + block_column // COARSE] += total
            magnitude += abs(total)
    return magnitude


@njit(nogil=True, cache=True)
def block_sums(
    kind: Any, floating: Any, height: Any, width: Any, block: Any,
    addresses: Any, pitches: Any, slots: Any, coarse: Any, fine: Any, magnitudes: Any,
) -> Any:  # fmt: skip
    """Sum pictures over blocks and over blocks of blocks.

    Args:
        kind: Empty array with the dtype of the pixels.
        floating: Whether that is float32.
        height: Rows of every picture.
        width: Columns of every picture.
        block: Side of a fine block in pixels, at most 32.
        addresses: (pictures,) address of the first pixel of each.
        pitches: (pictures,) pixels from one row to the next.
        slots: (pictures,) row of the three arrays that follow which receives the sums.
        coarse: (slots, coarse blocks) receives the coarse sums.
        fine: (slots, fine blocks) receives the fine sums, one row of blocks after the other.
        magnitudes: (slots,) receives the sum of the absolute block sums.
    """
    line = np.empty(width, fine.dtype)
    for i in range(addresses.size):
        picture = carray(_as_pointer(addresses[i]), (height, pitches[i]), kind.dtype)
        slot = slots[i]
        magnitudes[slot] = _sum_blocks(picture, height, width, block, floating, line, coarse[slot], fine[slot])


@njit(nogil=True, cache=True, fastmath={"reassoc"})
def _distance(a: Any, b: Any, start: Any, stop: Any, zero: Any) -> Any:
    total = zero
    for i in range(start, stop):
        total += abs(a[i] - b[i])
    return total


@njit(nogil=True, cache=True)
def _add_rows(a: Any, b: Any, top: Any, bottom: Any, width: Any, lanes: Any, floating: Any) -> Any:
    """Add |a - b| of the rows from top to bottom to the lanes."""
    if floating:
        lane0, lane1, lane2, lane3 = lanes[0], lanes[1], lanes[2], lanes[3]
        whole = width // 4 * 4
        for y in range(top, bottom):
            row_a, row_b = a[y], b[y]
            for x in range(0, whole, 4):
                lane0 += np.float64(abs(row_a[x] - row_b[x]))
                lane1 += np.float64(abs(row_a[x + 1] - row_b[x + 1]))
                lane2 += np.float64(abs(row_a[x + 2] - row_b[x + 2]))
                lane3 += np.float64(abs(row_a[x + 3] - row_b[x + 3]))
            if whole < width:
                lane0 += np.float64(abs(row_a[whole] - row_b[whole]))
            if whole + 1 < width:
                lane1 += np.float64(abs(row_a[whole + 1] - row_b[whole + 1]))
            if whole + 2 < width:
                lane2 += np.float64(abs(row_a[whole + 2] - row_b[whole + 2]))
        lanes[0], lanes[1], lanes[2], lanes[3] = lane0, lane1, lane2, lane3
    else:
        total = np.int64(0)
        for y in range(top, bottom):
            row_a, row_b = a[y], b[y]
            # 32 bits hold a row of 32 767 16-bit pixels, and let the compiler use the machine's SAD instruction
            row = np.int32(0)
            for x in range(width):
                row = np.int32(row + np.int32(abs(np.int32(np.int32(row_a[x]) - np.int32(row_b[x])))))
            total += row
        lanes[0] += np.float64(total)


@njit(nogil=True, cache=True)
def _total(lanes: Any) -> Any:
    return (lanes[0] + lanes[2]) + (lanes[1] + lanes[3])


@njit(nogil=True, cache=True)
def _rank(candidate: Any, centre: Any) -> Any:
    """Order among equal scores: the nearest to the centre first, of two the later one."""
    distance = candidate - centre
    return 2 * abs(distance) - (1 if distance > 0 else 0)


@njit(nogil=True, cache=True)
def _beats(bound: Any, candidate: Any, best: Any, best_candidate: Any, centre: Any) -> Any:
    """Whether a candidate with at least this sum can still win. A bound that is not a number can."""
    if bound > best:
        return False
    return bound != best or _rank(candidate, centre) < _rank(best_candidate, centre)


@njit(nogil=True, cache=True)
def _suffix_bounds(a: Any, b: Any, rows: Any, columns: Any, slack: Any, zero: Any, suffix: Any) -> Any:
    """Fill suffix[r] with a lower bound of the difference from block row r on; return the bound of it all."""
    below = -slack
    suffix[rows] = min(0.0, below)
    for row in range(rows - 1, -1, -1):
        distance = np.float64(_distance(a, b, row * columns, (row + 1) * columns, zero))
        below += distance if slack == 0.0 else distance * (1 - _RELATIVE_SLACK)
        suffix[row] = below
    return suffix[0]


@njit(nogil=True, cache=True)
def _slack(floating: Any, magnitude_a: Any, magnitude_b: Any) -> Any:
    # never exactly zero for float pictures: zero is what marks the exact arithmetic of integer ones
    return _ABSOLUTE_SLACK * (magnitude_a + magnitude_b) + 1e-300 if floating else 0.0


@njit(nogil=True, cache=True)
def search(
    kind: Any, floating: Any, zero: Any, height: Any, width: Any, block: Any,
    ref_addresses: Any, ref_pitches: Any, ref_slots: Any, ref_coarse: Any, ref_fine: Any, ref_magnitudes: Any,
    clip_addresses: Any, clip_pitches: Any, clip_slots: Any, clip_coarse: Any, clip_fine: Any, clip_magnitudes: Any,
    first: Any, last: Any, centre: Any, begin: Any, end: Any, best: Any, best_sum: Any,
) -> Any:  # fmt: skip
    """Find for each ref picture the candidate with the smallest sum of absolute differences.

    Args:
        kind: Empty array with the dtype of the pixels.
        floating: Whether that is float32.
        zero: Zero of the type in which block sums are compared: int64 or float64.
        height: Rows of every picture.
        width: Columns of every picture.
        block: Side of a fine block in pixels.
        ref_addresses: (refs,) addresses of the ref pictures.
        ref_pitches: (refs,) pixels from row to row.
        ref_slots: (refs,) the row of the picture in the three arrays that follow.
        ref_coarse: (slots, coarse blocks) sums.
        ref_fine: (slots, fine blocks) sums.
        ref_magnitudes: (slots,) sums of absolute values.
        clip_addresses: (candidates,) addresses of the candidates.
        clip_pitches: (candidates,) pixels from row to row.
        clip_slots: (candidates,) the row of the candidate in the three arrays that follow.
        clip_coarse: (slots, coarse blocks) sums.
        clip_fine: (slots, fine blocks) sums.
        clip_magnitudes: (slots,) sums of absolute values.
        first: (refs,) first candidate of each ref picture.
        last: (refs,) its last candidate, inclusive.
        centre: (refs,) the candidate that stands at the same time; it may lie outside.
        begin: First ref picture to search for.
        end: One past the last.
        best: (refs,) receives the winner, -1 where there is no candidate.
        best_sum: (refs,) receives its sum.
    """
    columns = (width + block - 1) // block
    rows = (height + block - 1) // block
    count = clip_addresses.size
    refs = end - begin
    alive = np.empty((refs, count), np.int64)
    alive_count = np.zeros(refs, np.int64)
    suffix = np.empty((refs, count, rows + 1), np.float64)
    lanes = np.zeros((refs, count, 4), np.float64)
    coarse_bound = np.empty(count, np.float64)
    bound = np.empty(count, np.float64)

    for i in range(refs):
        n = begin + i
        mine = ref_slots[n]
        best[n] = -1
        best_sum[n] = np.inf
        if first[n] > last[n]:
            continue
        ref = carray(_as_pointer(ref_addresses[n]), (height, ref_pitches[n]), kind.dtype)
        # the coarse bounds say who is tried first
        lowest = first[n]
        for c in range(first[n], last[n] + 1):
            slot = clip_slots[c]
            slack = _slack(floating, ref_magnitudes[mine], clip_magnitudes[slot])
            distance = np.float64(_distance(ref_coarse[mine], clip_coarse[slot], 0, ref_coarse.shape[1], zero))
            coarse_bound[c] = distance * (1 - _RELATIVE_SLACK) - slack if floating else distance
            bound[c] = -1.0
            if coarse_bound[c] < coarse_bound[lowest]:
                lowest = c
        trial = lowest
        for attempt in range(_MAX_TRIALS + 1):
            picture = carray(_as_pointer(clip_addresses[trial]), (height, clip_pitches[trial]), kind.dtype)
            _add_rows(ref, picture, 0, height, width, lanes[i, trial], floating)
            total = _total(lanes[i, trial])
            coarse_bound[trial] = np.inf
            if best[n] < 0 or _beats(total, trial, best_sum[n], best[n], centre[n]):
                best[n], best_sum[n] = trial, total
            # the fine bounds of all that the coarse ones could not rule out
            trial = -1
            for c in range(first[n], last[n] + 1):
                if not _beats(coarse_bound[c], c, best_sum[n], best[n], centre[n]):
                    continue
                if bound[c] < 0:
                    slot = clip_slots[c]
                    slack = _slack(floating, ref_magnitudes[mine], clip_magnitudes[slot])
                    bound[c] = max(
                        0.0, _suffix_bounds(ref_fine[mine], clip_fine[slot], rows, columns, slack, zero, suffix[i, c])
                    )
                    coarse_bound[c] = max(coarse_bound[c], bound[c])
                if trial < 0 or bound[c] < bound[trial]:
                    trial = c
            if trial < 0 or attempt == _MAX_TRIALS or bound[trial] > _PROMISING * best_sum[n]:
                break
        for c in range(first[n], last[n] + 1):
            if _beats(coarse_bound[c], c, best_sum[n], best[n], centre[n]):
                alive[i, alive_count[i]] = c
                alive_count[i] += 1

    # What is left is compared band by band for all ref pictures together: a band of every picture fits the cache,
    # and a candidate is dropped when what it has so far and the bound of its rest exceed the best.
    for row in range(rows):
        top = row * block
        bottom = min(top + block, height)
        for i in range(refs):
            if alive_count[i] == 0:
                continue
            n = begin + i
            ref = carray(_as_pointer(ref_addresses[n]), (height, ref_pitches[n]), kind.dtype)
            kept = 0
            for k in range(alive_count[i]):
                c = alive[i, k]
                picture = carray(_as_pointer(clip_addresses[c]), (height, clip_pitches[c]), kind.dtype)
                _add_rows(ref, picture, top, bottom, width, lanes[i, c], floating)
                least = _total(lanes[i, c]) + suffix[i, c, row + 1]
                if row + 1 == rows:
                    least = _total(lanes[i, c])
                    if _beats(least, c, best_sum[n], best[n], centre[n]):
                        best[n], best_sum[n] = c, least
                elif _beats(least, c, best_sum[n], best[n], centre[n]):
                    alive[i, kept] = c
                    kept += 1
            alive_count[i] = kept


@njit(nogil=True, cache=True)
def difference(
    kind: Any, floating: Any, height: Any, width: Any,
    ref_address: Any, ref_pitch: Any, clip_address: Any, clip_pitch: Any,
) -> Any:  # fmt: skip
    """Sum of absolute differences of two pictures, exact."""
    lanes = np.zeros(4, np.float64)
    ref = carray(_as_pointer(ref_address), (height, ref_pitch), kind.dtype)
    picture = carray(_as_pointer(clip_address), (height, clip_pitch), kind.dtype)
    _add_rows(ref, picture, 0, height, width, lanes, floating)
    return _total(lanes)
