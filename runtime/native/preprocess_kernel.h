// The preprocessing of one output pixel: the only implementation, for host and device.
#ifndef SGMN_PREPROCESS_KERNEL_H
#define SGMN_PREPROCESS_KERNEL_H

#include <stdint.h>
#include <string.h>

#include "preprocess_job.h"

#if defined(__CUDACC__)
#define SGMN_HD __host__ __device__ inline
#else
#define SGMN_HD inline
#endif

namespace sgmn {

struct Rgb {
    float r, g, b;
};

// The two source positions, along one axis, that an output position lies between.
struct Tap {
    int low, high;
    float weight;  // of high
};

// Half-pixel centres: source = (position + 1/2) * length / resized - 1/2, clamped to the source.
// Integers hold it exactly where a float would lose the fraction in a wide frame.
SGMN_HD Tap find_tap(int position, int length, int resized) {
    const int denominator = 2 * resized;
    const int numerator = (2 * position + 1) * length - resized;
    if (numerator <= 0) return {0, 0, 0.0f};
    const int low = numerator / denominator;
    if (low >= length - 1) return {length - 1, length - 1, 0.0f};
    const int rest = numerator - low * denominator;
    return {low, low + 1, static_cast<float>(rest) / static_cast<float>(denominator)};
}

SGMN_HD Rgb read_bgr(const sgmn_frame &frame, int x, int y) {
    const uint8_t *p = frame.data + static_cast<int64_t>(y) * frame.stride + 3 * x;
    return {static_cast<float>(p[2]), static_cast<float>(p[1]), static_cast<float>(p[0])};
}

SGMN_HD float clamp_level(int value) {
    return static_cast<float>(value < 0 ? 0 : value > 255 ? 255 : value);
}

// BT.601 limited range in OpenCV's 20-bit fixed point, with the nearest chroma sample.
SGMN_HD Rgb read_nv12(const sgmn_frame &frame, int x, int y) {
    const uint8_t *row = frame.chroma + static_cast<int64_t>(y / 2) * frame.chroma_stride;
    const uint8_t *uv = row + x / 2 * 2;
    const int luma = frame.data[static_cast<int64_t>(y) * frame.stride + x] - 16;
    const int base = (luma > 0 ? luma : 0) * 1220542 + (1 << 19);
    const int u = uv[0] - 128;
    const int v = uv[1] - 128;
    return {clamp_level((base + 1673527 * v) >> 20),
            clamp_level((base - 852492 * v - 409993 * u) >> 20),
            clamp_level((base + 2116026 * u) >> 20)};
}

// Pixel of the region of interest.
SGMN_HD Rgb read_pixel(const Job &job, int x, int y) {
    x += job.roi.x;
    y += job.roi.y;
    return job.frame.format == SGMN_FRAME_NV12 ? read_nv12(job.frame, x, y)
                                               : read_bgr(job.frame, x, y);
}

SGMN_HD float mix(float a, float b, float weight) {
    return a + (b - a) * weight;
}

SGMN_HD Rgb mix(const Rgb &a, const Rgb &b, float weight) {
    return {mix(a.r, b.r, weight), mix(a.g, b.g, weight), mix(a.b, b.b, weight)};
}

// Levels (0 to 255) of the letterboxed image at one output position.
SGMN_HD Rgb sample(const Job &job, int out_x, int out_y) {
    const int x = out_x - job.left;
    const int y = out_y - job.top;
    if (x < 0 || y < 0 || x >= job.width || y >= job.height) {
        return {SGMN_PAD_LEVEL, SGMN_PAD_LEVEL, SGMN_PAD_LEVEL};
    }
    const Tap across = find_tap(x, job.roi.width, job.width);
    const Tap down = find_tap(y, job.roi.height, job.height);
    const Rgb upper = mix(read_pixel(job, across.low, down.low),
                          read_pixel(job, across.high, down.low), across.weight);
    const Rgb lower = mix(read_pixel(job, across.low, down.high),
                          read_pixel(job, across.high, down.high), across.weight);
    return mix(upper, lower, down.weight);
}

// IEEE half, rounded to nearest even. Portable, so that a host without CUDA gives the same bits.
SGMN_HD uint16_t to_half(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t sign = (bits >> 16) & 0x8000u;
    uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);   // NaN
    if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // 65520, infinity
    if (magnitude < 0x38800000u) {
        // Subnormal: next to 0.5 a float's step is the half's, so the addition does the rounding.
        const float shifted = (value < 0.0f ? -value : value) + 0.5f;
        memcpy(&magnitude, &shifted, sizeof magnitude);
        return static_cast<uint16_t>(sign | (magnitude - 0x3f000000u));
    }
    const uint32_t odd = (magnitude >> 13) & 1u;
    return static_cast<uint16_t>(sign | ((magnitude - 0x38000000u + 0xfffu + odd) >> 13));
}

SGMN_HD void store_planar(const sgmn_output &output, int channel, int64_t pixel, float level) {
    const int64_t area = static_cast<int64_t>(output.side) * output.side;
    const float value = (level - output.mean[channel]) * output.inv_std[channel];
    if (output.format == SGMN_OUTPUT_HALF_NCHW) {
        static_cast<uint16_t *>(output.data)[channel * area + pixel] = to_half(value);
    } else {
        static_cast<float *>(output.data)[channel * area + pixel] = value;
    }
}

SGMN_HD void letterbox_pixel(const Job &job, int out_x, int out_y) {
    const Rgb rgb = sample(job, out_x, out_y);
    const int64_t pixel = static_cast<int64_t>(out_y) * job.output.side + out_x;
    if (job.output.format == SGMN_OUTPUT_UINT8_NHWC) {
        uint8_t *p = static_cast<uint8_t *>(job.output.data) + 3 * pixel;
        p[0] = static_cast<uint8_t>(rgb.r + 0.5f);
        p[1] = static_cast<uint8_t>(rgb.g + 0.5f);
        p[2] = static_cast<uint8_t>(rgb.b + 0.5f);
    } else {
        store_planar(job.output, 0, pixel, rgb.r);
        store_planar(job.output, 1, pixel, rgb.g);
        store_planar(job.output, 2, pixel, rgb.b);
    }
}

}  // namespace sgmn

#endif
