// What the native tests share: a check that reports and counts, and a request to vary.
#ifndef SGMN_TESTS_CHECK_H
#define SGMN_TESTS_CHECK_H

#include <cstdio>

#include "sgmn/preprocess.h"

inline int failures = 0;

#define CHECK(condition)                                                          \
    do {                                                                          \
        if (!(condition)) {                                                       \
            std::printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
            ++failures;                                                           \
        }                                                                         \
    } while (false)

inline sgmn_frame bgr_frame(const uint8_t *data, int width, int height, int stride) {
    return {SGMN_FRAME_BGR, width, height, stride, 0, data, nullptr};
}

inline sgmn_frame nv12_frame(const uint8_t *luma, const uint8_t *chroma, int width, int height,
                             int stride) {
    return {SGMN_FRAME_NV12, width, height, stride, stride, luma, chroma};
}

inline sgmn_output square(int format, int side, void *data, size_t capacity) {
    const float scale = 1.0f / 128.0f;
    return {format, side, {127, 127, 127}, {scale, scale, scale}, capacity, data};
}

#endif
