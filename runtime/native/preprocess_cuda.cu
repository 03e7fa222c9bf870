#include <cuda_runtime_api.h>

#include "preprocess_kernel.h"

namespace {

__global__ void letterbox(sgmn::Job job) {
    const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    const int y = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
    if (x < job.output.side && y < job.output.side) sgmn::letterbox_pixel(job, x, y);
}

unsigned blocks(int length, unsigned block) {
    return (static_cast<unsigned>(length) + block - 1) / block;
}

}  // namespace

extern "C" int32_t sgmn_preprocess_cuda(const sgmn_frame *frame, const sgmn_roi *roi,
                                        const sgmn_output *output, void *stream) {
    sgmn::Job job;
    if (const int32_t status = sgmn::prepare(frame, roi, output, &job)) return status;
    // A warp covers 32 neighbours of one row, so that its stores are contiguous.
    const dim3 block(32, 8);
    const dim3 grid(blocks(job.output.side, block.x), blocks(job.output.side, block.y));
    letterbox<<<grid, block, 0, static_cast<cudaStream_t>(stream)>>>(job);
    const cudaError_t error = cudaGetLastError();
    return error == cudaSuccess ? SGMN_OK : SGMN_ERROR_CUDA + static_cast<int32_t>(error);
}
