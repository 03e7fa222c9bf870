#include <algorithm>

#include "search_kernel.h"

namespace {

float inner_product(const sgmn_search &search, int row) {
    float lanes[sgmn::kLanes];
    for (int lane = 0; lane < sgmn::kLanes; ++lane) {
        lanes[lane] = sgmn::lane_product(search, row, lane);
    }
    for (int half = sgmn::kLanes / 2; half; half /= 2) {
        for (int lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
    }
    return lanes[0];
}

void sort_chunk(const uint64_t *keys, int count, int chunk, uint64_t *sorted) {
    const int64_t start = static_cast<int64_t>(chunk) * sgmn::kChunk;
    for (int i = 0; i < sgmn::kChunk; ++i) {
        sorted[i] = sgmn::key_or_none(keys, count, start + i);
    }
    for (int size = 2; size <= sgmn::kChunk; size *= 2) {
        for (int stride = size / 2; stride; stride /= 2) {
            for (int i = 0; i < sgmn::kChunk; ++i) sgmn::compare_exchange(sorted, i, size, stride);
        }
    }
}

}  // namespace

extern "C" int32_t sgmn_search_cpu(const sgmn_search *search) {
    if (const int32_t status = sgmn::check(search)) return status;
    const sgmn_search &s = *search;
    uint64_t sorted[sgmn::kChunk];
    uint64_t *keys = s.workspace;
    uint64_t *next = s.workspace + s.rows;
    for (int row = 0; row < s.rows; ++row) {
        keys[row] = sgmn::row_key(s, inner_product(s, row), row);
    }
    int count = s.rows;
    while (sgmn::chunks(count) > 1) {
        const int many = sgmn::chunks(count);
        for (int chunk = 0; chunk < many; ++chunk) {
            sort_chunk(keys, count, chunk, sorted);
            std::copy(sorted, sorted + s.best, next + static_cast<int64_t>(chunk) * s.best);
        }
        std::swap(keys, next);
        count = many * s.best;
    }
    sort_chunk(keys, count, 0, sorted);
    for (int i = 0; i < s.best; ++i) sgmn::store_found(s, sorted, i);
    return SGMN_OK;
}

extern "C" int32_t sgmn_copy_rows_cpu(const sgmn_rows *rows) {
    if (const int32_t status = sgmn::check(rows)) return status;
    for (int i = 0; i < rows->count; ++i) {
        for (int word = 0; word < rows->row_bytes / 4; ++word) sgmn::copy_word(*rows, i, word);
    }
    return SGMN_OK;
}
