// The GPU library finds and copies the CPU library's rows. Exits with 77 where no GPU is present.
#include <cuda_runtime_api.h>

#include <random>
#include <vector>

#include "check.h"
#include "sgmn/search.h"

namespace {

template <typename T>
struct OnDevice {
    explicit OnDevice(const std::vector<T> &values) : bytes(values.size() * sizeof(T) + 8) {
        CHECK(cudaMalloc(&data, bytes) == cudaSuccess);
        copy(data, values.data(), values.size());
    }
    ~OnDevice() { cudaFree(data); }
    OnDevice(const OnDevice &) = delete;
    OnDevice &operator=(const OnDevice &) = delete;
    std::vector<T> read(size_t count) const {
        std::vector<T> values(count);
        copy(values.data(), data, count);
        return values;
    }
    static void copy(T *to, const T *from, size_t count) {
        CHECK(cudaMemcpy(to, from, count * sizeof(T), cudaMemcpyDefault) == cudaSuccess);
    }
    size_t bytes;
    T *data = nullptr;
};

std::vector<float> noise(size_t size, std::mt19937 &random, bool whole) {
    std::vector<float> values(size);
    std::normal_distribution<float> normal;
    for (float &value : values) value = whole ? static_cast<float>(random() % 7) : normal(random);
    return values;
}

void compare(int rows, int length, int stride, int best, bool whole, bool with_prior) {
    std::mt19937 random(static_cast<unsigned>(rows + best));
    const auto items = noise(static_cast<size_t>(rows) * stride, random, whole);
    const auto query = noise(length, random, whole);
    const auto prior = noise(rows, random, whole);
    std::vector<int32_t> found(best), device_found(best);
    std::vector<float> scores(best);
    std::vector<uint64_t> workspace(sgmn_search_workspace(rows, best));
    sgmn_search s{rows, stride, length, best, items.data(), query.data(),
                  with_prior ? prior.data() : nullptr, workspace.data(), workspace.size(),
                  found.data(), scores.data()};
    CHECK(sgmn_search_cpu(&s) == SGMN_OK);
    const OnDevice<float> gpu_items(items), gpu_query(query), gpu_prior(prior), gpu_scores(scores);
    const OnDevice<uint64_t> gpu_workspace(workspace);
    const OnDevice<int32_t> gpu_found(device_found);
    sgmn_search d = s;
    d.items = gpu_items.data;
    d.query = gpu_query.data;
    d.prior = with_prior ? gpu_prior.data : nullptr;
    d.workspace = gpu_workspace.data;
    d.found = gpu_found.data;
    d.scores = gpu_scores.data;
    CHECK(sgmn_search_cuda(&d, nullptr) == SGMN_OK);
    CHECK(cudaDeviceSynchronize() == cudaSuccess);
    CHECK(gpu_found.read(best) == found);
    CHECK(gpu_scores.read(best) == scores);
}

void compare_copies() {
    std::mt19937 random(3);
    const int count = 40, source_rows = 33, target_rows = 50, words = 257;
    const auto source = noise(source_rows * words, random, false);
    std::vector<float> target(target_rows * words, 5.0f);
    std::vector<int32_t> from(count), to(count);
    for (int i = 0; i < count; ++i) from[i] = static_cast<int>(random() % 40) - 3, to[i] = i + 5;
    sgmn_rows r{count, source_rows, target_rows, words * 4, source.data(), from.data(),
                target.data(), to.data()};
    const OnDevice<float> gpu_source(source), gpu_target(target);
    const OnDevice<int32_t> gpu_from(from), gpu_to(to);
    sgmn_rows d{count, source_rows, target_rows, words * 4, gpu_source.data, gpu_from.data,
                gpu_target.data, gpu_to.data};
    CHECK(sgmn_copy_rows_cpu(&r) == SGMN_OK);
    CHECK(sgmn_copy_rows_cuda(&d, nullptr) == SGMN_OK);
    CHECK(cudaDeviceSynchronize() == cudaSuccess);
    CHECK(gpu_target.read(target.size()) == target);
}

}  // namespace

int main() {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
        std::printf("skipped: no CUDA device\n");
        return 77;
    }
    for (const int rows : {0, 1, 31, 1024, 1025, 5000, 300000}) {
        for (const int best : {1, 32, 256}) {
            compare(rows, 257, 641, best, false, true);
            compare(rows, 5, 5, best, true, false);
        }
    }
    compare_copies();
    std::printf("%d failures\n", failures);
    return failures ? 1 : 0;
}
