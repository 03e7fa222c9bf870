#include "search_job.h"

namespace sgmn {
namespace {

bool aligned(const void *pointer, size_t size) {
    return reinterpret_cast<uintptr_t>(pointer) % size == 0;
}

bool countable(int32_t rows, int32_t best) {
    return rows >= 0 && best >= 1 && best <= SGMN_MAX_BEST;
}

}  // namespace

int32_t check(const sgmn_search *search) {
    if (!search) return SGMN_ERROR_NULL_POINTER;
    const sgmn_search &s = *search;
    if (!countable(s.rows, s.best) || s.length < 1) return SGMN_ERROR_COUNT;
    if (s.stride < s.length) return SGMN_ERROR_STRIDE;
    if (!s.query || !s.workspace || !s.found || !s.scores) return SGMN_ERROR_NULL_POINTER;
    if (s.rows && !s.items) return SGMN_ERROR_NULL_POINTER;
    const void *const words[] = {s.items, s.query, s.prior, s.found, s.scores};
    for (const void *pointer : words) {
        if (!aligned(pointer, 4)) return SGMN_ERROR_ALIGNMENT;
    }
    if (!aligned(s.workspace, 8)) return SGMN_ERROR_ALIGNMENT;
    return s.capacity < sgmn_search_workspace(s.rows, s.best) ? SGMN_ERROR_CAPACITY : SGMN_OK;
}

int32_t check(const sgmn_rows *rows) {
    if (!rows) return SGMN_ERROR_NULL_POINTER;
    const sgmn_rows &r = *rows;
    // A grid of CUDA has at most 65535 rows.
    if (r.count < 0 || r.count > 65535 || r.source_rows < 0 || r.target_rows < 0 ||
        r.row_bytes < 4 || r.row_bytes % 4) {
        return SGMN_ERROR_COUNT;
    }
    if (!r.target || (r.source_rows && !r.source)) return SGMN_ERROR_NULL_POINTER;
    const void *const words[] = {r.source, r.source_index, r.target, r.target_index};
    for (const void *pointer : words) {
        if (!aligned(pointer, 4)) return SGMN_ERROR_ALIGNMENT;
    }
    return SGMN_OK;
}

}  // namespace sgmn

extern "C" size_t sgmn_search_workspace(int32_t rows, int32_t best) {
    if (!sgmn::countable(rows, best)) return 0;
    // The keys of all rows, and beside them the best of each chunk.
    return static_cast<size_t>(rows) + static_cast<size_t>(sgmn::chunks(rows)) * best;
}
