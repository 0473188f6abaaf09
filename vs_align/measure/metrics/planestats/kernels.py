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
from numba import carray, njit, types  # type: ignore[attr-defined]
from numba.extending import intrinsic

# Coarse blocks are this many fine blocks wide and high.
COARSE = 4
# Rounding may lift the bound of a float picture above the truth; these take more away than rounding can add:
# float32 differences are off by at most 2**-24 each, float64 sums of 32x32 pixels by 1024 * 2**-53 of their size.
_RELATIVE_SLACK = 1e-6
_ABSOLUTE_SLACK = 1e-12
# So many differences of 16 bits fit into a sum of 32 bits with a sign.
_SPAN = 32768
# A candidate that promises less than this share of the best sum so far is compared before the others, because a
# lower best sum drops them earlier.
_PROMISING = 0.7


@intrinsic
def _as_pointer(_context: Any, address: Any) -> Any:
    def codegen(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

    return types.voidptr(address), codegen


@njit(nogil=True, cache=True)
def _picture(kind: Any, height: Any, pictures: Any, i: Any) -> Any:
    return carray(_as_pointer(pictures[0][i]), (height, pictures[1][i]), kind.dtype)  # type: ignore[call-arg]


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
def block_sums(shape: Any, pictures: Any, chosen: Any) -> Any:
    """Sum some pictures over blocks and over blocks of blocks.

    Args:
        shape: As in `search`.
        pictures: As `refs` in `search`; the last three arrays receive the sums. Fine blocks are at most 32 wide.
        chosen: Indices of the pictures to sum.
    """
    kind, floating, _, height, width, block = shape
    line = np.empty(width, pictures[4].dtype)
    for i in chosen:
        slot = pictures[2][i]
        pictures[5][slot] = _sum_blocks(
            _picture(kind, height, pictures, i),
            height,
            width,
            block,
            floating,
            line,
            pictures[3][slot],
            pictures[4][slot],
        )


@njit(nogil=True, cache=True, fastmath={"reassoc"})
def _distance(a: Any, b: Any, start: Any, stop: Any, zero: Any) -> Any:
    total = zero
    for i in range(start, stop):
        total += abs(a[i] - b[i])
    return total


@njit(nogil=True, cache=True)
def _add_float_rows(a: Any, b: Any, top: Any, bottom: Any, width: Any, lanes: Any) -> Any:
    """Add |a - b| in four lanes. The differences of a row come first, apart, because only they can be vectorised."""
    line = np.zeros(width + 3, np.float64)
    for y in range(top, bottom):
        row_a, row_b = a[y], b[y]
        for x in range(width):
            line[x] = np.float64(abs(row_a[x] - row_b[x]))
        lane0, lane1, lane2, lane3 = lanes[0], lanes[1], lanes[2], lanes[3]
        for x in range(0, width, 4):
            lane0 += line[x]
            lane1 += line[x + 1]
            lane2 += line[x + 2]
            lane3 += line[x + 3]
        lanes[0], lanes[1], lanes[2], lanes[3] = lane0, lane1, lane2, lane3


@njit(nogil=True, cache=True)
def _add_integer_rows(a: Any, b: Any, top: Any, bottom: Any, width: Any) -> Any:
    total = np.int64(0)
    if a.shape[1] == width and b.shape[1] == width and (bottom - top) * width <= _SPAN:
        # rows without gaps are one long row
        row_a, row_b = a.reshape(a.size)[top * width :], b.reshape(b.size)[top * width :]
        row = np.int32(0)
        for x in range((bottom - top) * width):
            row = np.int32(row + np.int32(abs(np.int32(np.int32(row_a[x]) - np.int32(row_b[x])))))
        return np.int64(row)
    for y in range(top, bottom):
        row_a, row_b = a[y], b[y]
        if width <= _SPAN:
            # sums of 32 bits let the compiler use the machine's SAD instruction
            row = np.int32(0)
            for x in range(width):
                row = np.int32(row + np.int32(abs(np.int32(np.int32(row_a[x]) - np.int32(row_b[x])))))
            total += row
        else:
            for x in range(width):
                total += abs(np.int64(row_a[x]) - np.int64(row_b[x]))
    return total


@njit(nogil=True, cache=True)
def _add_rows(a: Any, b: Any, top: Any, bottom: Any, width: Any, lanes: Any, floating: Any) -> Any:
    """Add |a - b| of the rows from top to bottom to the lanes."""
    if floating:
        _add_float_rows(a, b, top, bottom, width, lanes)
    else:
        lanes[0] += np.float64(_add_integer_rows(a, b, top, bottom, width))


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
def _matters(bound: Any, candidate: Any, best: Any, best_candidate: Any, centre: Any, wish: Any) -> Any:
    """Whether a candidate with at least this sum can still win, or have a sum that is wanted exactly."""
    if wish[2].shape[1] == 0:
        return _beats(bound, candidate, best, best_candidate, centre)
    return not bound > best + best * wish[0] + wish[1]


@njit(nogil=True, cache=True)
def _note(wish: Any, n: Any, candidate: Any, centre: Any, total: Any) -> Any:
    sums = wish[2]
    if sums.shape[1] > 0:
        sums[n, candidate - centre[n] + sums.shape[1] // 2] = total


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
def _coarse_bounds(floating: Any, zero: Any, refs: Any, clips: Any, n: Any, first: Any, last: Any, bound: Any) -> Any:
    """Fill the lower bounds that the coarse blocks give; return the candidate with the lowest."""
    mine = refs[2][n]
    lowest = first
    for c in range(first, last + 1):
        slot = clips[2][c]
        distance = np.float64(_distance(refs[3][mine], clips[3][slot], 0, refs[3].shape[1], zero))
        if floating:
            distance = distance * (1 - _RELATIVE_SLACK) - _slack(floating, refs[5][mine], clips[5][slot])
        bound[c] = distance
        if distance < bound[lowest]:
            lowest = c
    return lowest


@njit(nogil=True, cache=True)
def _try_alone(
    shape: Any, refs: Any, clips: Any, n: Any, c: Any, top: Any, lanes: Any, centre: Any, wish: Any, best: Any,
    best_sum: Any,
) -> Any:  # fmt: skip
    """Compare one candidate from a row on to the end; it may become the best of ref picture n."""
    kind, floating, _, height, width, _ = shape
    _add_rows(_picture(kind, height, refs, n), _picture(kind, height, clips, c), top, height, width, lanes, floating)
    total = _total(lanes)
    _note(wish, n, c, centre, total)
    if best[n] < 0 or _beats(total, c, best_sum[n], best[n], centre[n]):
        best[n], best_sum[n] = c, total


@njit(nogil=True, cache=True)
def _shortlist(
    shape: Any, refs: Any, clips: Any, windows: Any, n: Any, bound: Any, suffix: Any, lanes: Any, alive: Any,
    wish: Any, best: Any, best_sum: Any,
) -> Any:  # fmt: skip
    """List the candidates of ref picture n that their bounds do not rule out; return how many."""
    _, floating, zero, height, width, block = shape
    first, last, centre = windows
    columns, rows = (width + block - 1) // block, (height + block - 1) // block
    mine = refs[2][n]
    lowest = _coarse_bounds(floating, zero, refs, clips, n, first[n], last[n], bound)
    if lowest != best[n] and bound[lowest] < _PROMISING * best_sum[n]:
        tried = best[n]
        _try_alone(shape, refs, clips, n, lowest, 0, lanes[lowest], centre, wish, best, best_sum)
        bound[tried] = bound[lowest] = np.inf
    bound[best[n]] = np.inf
    count = 0
    for c in range(first[n], last[n] + 1):
        if bound[c] == np.inf:
            continue
        if not _matters(bound[c], c, best_sum[n], best[n], centre[n], wish):
            _note(wish, n, c, centre, bound[c])
            continue
        slot = clips[2][c]
        slack = _slack(floating, refs[5][mine], clips[5][slot])
        fine = _suffix_bounds(refs[4][mine], clips[4][slot], rows, columns, slack, zero, suffix[c])
        if _matters(fine, c, best_sum[n], best[n], centre[n], wish):
            alive[count] = c
            count += 1
        else:
            _note(wish, n, c, centre, fine)
    return count


@njit(nogil=True, cache=True)
def _race(
    shape: Any, refs: Any, clips: Any, centre: Any, bounded: Any, begin: Any, suffix: Any, lanes: Any, alive: Any,
    alive_count: Any, wish: Any, best: Any, best_sum: Any,
) -> Any:  # fmt: skip
    """Compare what is left, band by band for all ref pictures together: a band of every picture fits the cache.

    A candidate is dropped when what it has so far and the bound of its rest exceed the best. One that is well ahead of
    the best so far, or of all others, after a few bands is run to its end at once: a lower best drops others earlier.
    """
    kind, floating, _, height, width, block = shape
    rows = (height + block - 1) // block
    for row in range(rows):
        top, bottom = row * block, min((row + 1) * block, height)
        for i in range(alive_count.size):
            if alive_count[i] == 0:
                continue
            n = begin + i
            ref = _picture(kind, height, refs, n)
            kept, leader, leader_sum, second_sum = 0, -1, np.inf, np.inf
            for k in range(alive_count[i]):
                c = alive[i, k]
                _add_rows(ref, _picture(kind, height, clips, c), top, bottom, width, lanes[i, c], floating)
                partial = _total(lanes[i, c])
                least = partial + (suffix[i, c, row + 1] if bounded else 0.0)
                if row + 1 == rows:
                    _note(wish, n, c, centre, partial)
                    if _beats(partial, c, best_sum[n], best[n], centre[n]):
                        best[n], best_sum[n] = c, partial
                elif not _matters(least, c, best_sum[n], best[n], centre[n], wish):
                    _note(wish, n, c, centre, least)
                else:
                    alive[i, kept] = c
                    kept += 1
                    if partial < leader_sum:
                        leader, leader_sum, second_sum = kept - 1, partial, leader_sum
                    else:
                        second_sum = min(second_sum, partial)
            # checked after 1, 2, 4, 8 ... bands
            rival = second_sum if best[n] < 0 else best_sum[n] * (row + 1) / rows
            if kept > 1 and row & (row + 1) == 0 and leader_sum < _PROMISING * rival:
                c = alive[i, leader]
                _try_alone(shape, refs, clips, n, c, bottom, lanes[i, c], centre, wish, best, best_sum)
                kept -= 1
                alive[i, leader] = alive[i, kept]
            alive_count[i] = kept


@njit(nogil=True, cache=True)
def search(
    shape: Any,
    refs: Any,
    clips: Any,
    windows: Any,
    bounded: Any,
    hint: Any,
    begin: Any,
    end: Any,
    wish: Any,
    best: Any,
    best_sum: Any,
) -> Any:
    """Find for each ref picture the candidate with the smallest sum of absolute differences.

    Args:
        shape: What all pictures share: an empty array with the dtype of the pixels, whether that is float32, zero of
            the type in which block sums are compared (int64 or float64), rows, columns, side of a fine block.
        refs: (refs,) addresses, (refs,) pixels from row to row, (refs,) rows of the three arrays that follow,
            (slots, coarse blocks) sums, (slots, fine blocks) sums, (slots,) sums of absolute block sums.
        clips: The same of the candidates.
        windows: (refs,) first candidate of each ref picture, (refs,) last candidate, inclusive, and (refs,) the
            candidate that stands at the same time, which may lie outside.
        bounded: Whether block sums are there and shall be used.
        hint: Where the first winner is expected, from its centre. It changes the speed, not the answer.
        begin: First ref picture to search for.
        end: One past the last.
        wish: Which other sums are wanted exactly: those up to the best, plus so much of it, plus so much more; and
            (refs, k) array that receives the sums of the k candidates around each centre, beyond that limit lower
            bounds. k is odd, or 0 where nothing but the best is wanted.
        best: (refs,) receives the winner, -1 where there is no candidate.
        best_sum: (refs,) receives its sum, infinity where there is none.
    """
    first, last, centre = windows
    count = clips[0].size
    rows = (shape[3] + shape[5] - 1) // shape[5]
    alive = np.empty((end - begin, count), np.int64)
    alive_count = np.zeros(end - begin, np.int64)
    suffix = np.empty((end - begin, count if bounded else 0, rows + 1), np.float64)
    lanes = np.zeros((end - begin, count, 4), np.float64)
    bound = np.empty(count, np.float64)
    for n in range(begin, end):
        i = n - begin
        best[n], best_sum[n] = -1, np.inf
        if first[n] > last[n]:
            continue
        if bounded:
            guess = min(max(centre[n] + hint, first[n]), last[n])
            _try_alone(shape, refs, clips, n, guess, 0, lanes[i, guess], centre, wish, best, best_sum)
            alive_count[i] = _shortlist(
                shape, refs, clips, windows, n, bound, suffix[i], lanes[i], alive[i], wish, best, best_sum
            )
            hint = best[n] - centre[n]
        else:
            for c in range(first[n], last[n] + 1):
                alive[i, alive_count[i]] = c
                alive_count[i] += 1
    _race(shape, refs, clips, centre, bounded, begin, suffix, lanes, alive, alive_count, wish, best, best_sum)
