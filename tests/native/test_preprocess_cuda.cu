// The GPU library gives the CPU library's bytes. Exits with 77 (skipped) where no GPU is present.
#include <cuda_runtime_api.h>

#include <random>
#include <vector>

#include "check.h"

namespace {

using Bytes = std::vector<uint8_t>;

struct DeviceBytes {
    explicit DeviceBytes(const Bytes &bytes) {
        CHECK(cudaMalloc(&data, bytes.size()) == cudaSuccess);
        CHECK(cudaMemcpy(data, bytes.data(), bytes.size(), cudaMemcpyDefault) == cudaSuccess);
    }
    ~DeviceBytes() { cudaFree(data); }
    DeviceBytes(const DeviceBytes &) = delete;
    DeviceBytes &operator=(const DeviceBytes &) = delete;
    uint8_t *data = nullptr;
};

Bytes on_cpu(const sgmn_frame &frame, sgmn_output output, Bytes out) {
    output.data = out.data();
    CHECK(sgmn_preprocess_cpu(&frame, nullptr, &output) == SGMN_OK);
    return out;
}

Bytes on_gpu(sgmn_frame frame, sgmn_output output, Bytes out, const Bytes &source) {
    const DeviceBytes input(source);
    const DeviceBytes result(out);
    if (frame.chroma) frame.chroma = input.data + (frame.chroma - frame.data);
    frame.data = input.data;
    output.data = result.data;
    CHECK(sgmn_preprocess_cuda(&frame, nullptr, &output, nullptr) == SGMN_OK);
    CHECK(cudaMemcpy(out.data(), result.data, out.size(), cudaMemcpyDefault) == cudaSuccess);
    return out;
}

void compare(const sgmn_frame &frame, const Bytes &source, int side) {
    const int element[] = {4, 2, 1};
    for (int format = SGMN_OUTPUT_FLOAT_NCHW; format <= SGMN_OUTPUT_UINT8_NHWC; ++format) {
        const size_t size = static_cast<size_t>(3) * side * side * element[format];
        const sgmn_output output = square(format, side, nullptr, size);
        const Bytes guarded(size + 64, 0xa5);
        CHECK(on_cpu(frame, output, guarded) == on_gpu(frame, output, guarded, source));
    }
}

Bytes noise(size_t size, std::mt19937 &random) {
    Bytes bytes(size);
    for (uint8_t &byte : bytes) byte = static_cast<uint8_t>(random());
    return bytes;
}

}  // namespace

int main() {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
        std::printf("skipped: no CUDA device\n");
        return 77;
    }
    std::mt19937 random(5);
    const int sizes[][3] = {{1, 1, 7}, {1, 37, 32}, {41, 1, 5}, {33, 57, 224}, {641, 479, 320}};
    for (const auto &[width, height, side] : sizes) {
        const int stride = 3 * width + 5;
        const Bytes source = noise(static_cast<size_t>(stride) * height, random);
        compare(bgr_frame(source.data(), width, height, stride), source, side);
    }
    const Bytes source = noise(704 * 480 * 3 / 2, random);
    compare(nv12_frame(source.data(), source.data() + 704 * 480, 642, 480, 704), source, 224);
    std::printf("%d failures\n", failures);
    return failures ? 1 : 0;
}
