// Scores, their order, and the sorting step: the only implementation, for host and device.
#ifndef SGMN_SEARCH_KERNEL_H
#define SGMN_SEARCH_KERNEL_H

#include <string.h>

#include "search_job.h"

#if defined(__CUDACC__)
#define SGMN_HD __host__ __device__ inline
#else
#define SGMN_HD inline
#endif

namespace sgmn {

constexpr int kLanes = 32;

// Sorts behind every key of a row.
constexpr uint64_t kNoKey = ~0ull;

// One lane's share of an inner product; the shares are added pairwise, see add_lanes.
SGMN_HD float lane_product(const sgmn_search &search, int row, int lane) {
    const float *item = search.items + static_cast<int64_t>(row) * search.stride;
    float sum = 0.0f;
    for (int i = lane; i < search.length; i += kLanes) sum += item[i] * search.query[i];
    return sum;
}

// A number that is smaller the better the score, and for equal scores the lower the row.
SGMN_HD uint64_t make_key(float score, int row) {
    score += 0.0f;  // -0 is 0
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    uint32_t rising = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    if ((bits & 0x7fffffffu) > 0x7f800000u) rising = 0;  // not a number: behind all others
    return static_cast<uint64_t>(~rising) << 32 | static_cast<uint32_t>(row);
}

SGMN_HD int row_of(uint64_t key) {
    return key == kNoKey ? -1 : static_cast<int>(key & 0xffffffffu);
}

SGMN_HD float score_of(uint64_t key) {
    if (key == kNoKey) return 0.0f;
    const uint32_t rising = ~static_cast<uint32_t>(key >> 32);
    const uint32_t bits = rising & 0x80000000u ? rising & 0x7fffffffu : ~rising;
    float score;
    memcpy(&score, &bits, sizeof score);
    return score;
}

SGMN_HD uint64_t row_key(const sgmn_search &search, float product, int row) {
    return make_key(search.prior ? product + search.prior[row] : product, row);
}

SGMN_HD uint64_t key_or_none(const uint64_t *keys, int count, int64_t index) {
    return index < count ? keys[index] : kNoKey;
}

// One comparison of a bitonic sort, rising, of kChunk keys. All indices do it at once, in steps
// ordered by `size` (2, 4, ... kChunk) and within each by `stride` (size / 2, ... 2, 1).
SGMN_HD void compare_exchange(uint64_t *keys, int index, int size, int stride) {
    const int partner = index ^ stride;
    if (partner <= index) return;
    const bool rising = (index & size) == 0;
    const uint64_t a = keys[index];
    const uint64_t b = keys[partner];
    if ((a > b) == rising) {
        keys[index] = b;
        keys[partner] = a;
    }
}

SGMN_HD void store_found(const sgmn_search &search, const uint64_t *sorted, int index) {
    search.found[index] = row_of(sorted[index]);
    search.scores[index] = score_of(sorted[index]);
}

// One 32-bit word of the i-th copied row.
SGMN_HD void copy_word(const sgmn_rows &rows, int i, int word) {
    const int words = rows.row_bytes / 4;
    const int from = rows.source_index ? rows.source_index[i] : i;
    const int to = rows.target_index ? rows.target_index[i] : i;
    if (to < 0 || to >= rows.target_rows) return;
    const uint32_t *source = static_cast<const uint32_t *>(rows.source);
    uint32_t *target = static_cast<uint32_t *>(rows.target);
    const bool there = from >= 0 && from < rows.source_rows;
    target[static_cast<int64_t>(to) * words + word] =
        there ? source[static_cast<int64_t>(from) * words + word] : 0;
}

}  // namespace sgmn

#endif
