#include <cuda_runtime_api.h>

#include <utility>

#include "search_kernel.h"

namespace {

constexpr int kThreads = 256;
constexpr unsigned kAll = 0xffffffffu;

// One warp a row, so that its loads are contiguous.
__global__ void make_keys(sgmn_search search, uint64_t *keys) {
    const int lane = static_cast<int>(threadIdx.x) % sgmn::kLanes;
    const int warp = static_cast<int>(threadIdx.x) / sgmn::kLanes;
    const int64_t row = static_cast<int64_t>(blockIdx.x) * (kThreads / sgmn::kLanes) + warp;
    if (row >= search.rows) return;
    float sum = sgmn::lane_product(search, static_cast<int>(row), lane);
    for (int half = sgmn::kLanes / 2; half; half /= 2) sum += __shfl_down_sync(kAll, sum, half);
    if (lane == 0) keys[row] = sgmn::row_key(search, sum, static_cast<int>(row));
}

__device__ void sort_chunk(const uint64_t *keys, int count, uint64_t *sorted) {
    const int64_t start = static_cast<int64_t>(blockIdx.x) * sgmn::kChunk;
    for (int i = threadIdx.x; i < sgmn::kChunk; i += kThreads) {
        sorted[i] = sgmn::key_or_none(keys, count, start + i);
    }
    for (int size = 2; size <= sgmn::kChunk; size *= 2) {
        for (int stride = size / 2; stride; stride /= 2) {
            __syncthreads();
            for (int i = threadIdx.x; i < sgmn::kChunk; i += kThreads) {
                sgmn::compare_exchange(sorted, i, size, stride);
            }
        }
    }
    __syncthreads();
}

__global__ void keep_best(const uint64_t *keys, int count, int best, uint64_t *kept) {
    __shared__ uint64_t sorted[sgmn::kChunk];
    sort_chunk(keys, count, sorted);
    for (int i = threadIdx.x; i < best; i += kThreads) {
        kept[static_cast<int64_t>(blockIdx.x) * best + i] = sorted[i];
    }
}

__global__ void finish(sgmn_search search, const uint64_t *keys, int count) {
    __shared__ uint64_t sorted[sgmn::kChunk];
    sort_chunk(keys, count, sorted);
    for (int i = threadIdx.x; i < search.best; i += kThreads) {
        sgmn::store_found(search, sorted, i);
    }
}

__global__ void copy_rows(sgmn_rows rows) {
    const int word = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (word < rows.row_bytes / 4) sgmn::copy_word(rows, static_cast<int>(blockIdx.y), word);
}

int32_t launched() {
    const cudaError_t error = cudaGetLastError();
    return error == cudaSuccess ? SGMN_OK : SGMN_ERROR_CUDA + static_cast<int32_t>(error);
}

}  // namespace

extern "C" int32_t sgmn_search_cuda(const sgmn_search *search, void *stream) {
    if (const int32_t status = sgmn::check(search)) return status;
    const sgmn_search &s = *search;
    const auto queue = static_cast<cudaStream_t>(stream);
    uint64_t *keys = s.workspace;
    uint64_t *next = s.workspace + s.rows;
    constexpr int kRows = kThreads / sgmn::kLanes;
    if (s.rows) make_keys<<<(s.rows - 1) / kRows + 1, kThreads, 0, queue>>>(s, keys);
    int count = s.rows;
    while (sgmn::chunks(count) > 1) {
        const int many = sgmn::chunks(count);
        keep_best<<<many, kThreads, 0, queue>>>(keys, count, s.best, next);
        std::swap(keys, next);
        count = many * s.best;
    }
    finish<<<1, kThreads, 0, queue>>>(s, keys, count);
    return launched();
}

extern "C" int32_t sgmn_copy_rows_cuda(const sgmn_rows *rows, void *stream) {
    if (const int32_t status = sgmn::check(rows)) return status;
    if (rows->count) {
        const int words = rows->row_bytes / 4;
        const dim3 grid((words - 1) / kThreads + 1, rows->count);
        copy_rows<<<grid, kThreads, 0, static_cast<cudaStream_t>(stream)>>>(*rows);
    }
    return launched();
}
