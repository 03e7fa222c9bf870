// Argument errors, and images whose result can be told without a reference.
#include <array>
#include <climits>
#include <cstring>

#include "check.h"

namespace {

std::array<uint8_t, 64> pixels{};
std::array<float, 3 * 4 * 4> levels{};

const sgmn_frame bgr = bgr_frame(pixels.data(), 4, 4, 12);
const sgmn_frame nv12 = nv12_frame(pixels.data(), pixels.data() + 16, 4, 4, 4);
const sgmn_output planes = square(SGMN_OUTPUT_FLOAT_NCHW, 4, levels.data(), sizeof levels);

int status(const sgmn_frame &frame, const sgmn_output &output) {
    return sgmn_preprocess_cpu(&frame, nullptr, &output);
}

int roi_status(sgmn_roi roi) {
    return sgmn_preprocess_cpu(&bgr, &roi, &planes);
}

template <typename Value, typename Struct, typename Member>
Struct with(Struct value, Member Struct::*member, Value replacement) {
    value.*member = static_cast<Member>(replacement);
    return value;
}

void test_frame_errors() {
    const uint8_t *none = nullptr;
    CHECK(status(bgr, planes) == SGMN_OK);
    CHECK(status(nv12, planes) == SGMN_OK);
    CHECK(sgmn_preprocess_cpu(nullptr, nullptr, &planes) == SGMN_ERROR_NULL_POINTER);
    CHECK(status(with(bgr, &sgmn_frame::data, none), planes) == SGMN_ERROR_NULL_POINTER);
    CHECK(status(with(nv12, &sgmn_frame::chroma, none), planes) == SGMN_ERROR_NULL_POINTER);
    CHECK(status(with(bgr, &sgmn_frame::format, 2), planes) == SGMN_ERROR_FORMAT);
    for (const int side : {0, -1, INT_MIN, INT_MAX, SGMN_MAX_SIDE + 1}) {
        CHECK(status(with(bgr, &sgmn_frame::width, side), planes) == SGMN_ERROR_SIZE);
        CHECK(status(with(bgr, &sgmn_frame::height, side), planes) == SGMN_ERROR_SIZE);
    }
    CHECK(status(with(nv12, &sgmn_frame::width, 3), planes) == SGMN_ERROR_ODD_NV12);
    CHECK(status(with(nv12, &sgmn_frame::height, 1), planes) == SGMN_ERROR_ODD_NV12);
    CHECK(status(with(bgr, &sgmn_frame::stride, 11), planes) == SGMN_ERROR_STRIDE);
    CHECK(status(with(bgr, &sgmn_frame::stride, -12), planes) == SGMN_ERROR_STRIDE);
    CHECK(status(with(nv12, &sgmn_frame::stride, 3), planes) == SGMN_ERROR_STRIDE);
    CHECK(status(with(nv12, &sgmn_frame::chroma_stride, 3), planes) == SGMN_ERROR_STRIDE);
}

void test_output_errors() {
    void *none = nullptr;
    void *odd = reinterpret_cast<uint8_t *>(levels.data()) + 1;
    CHECK(sgmn_preprocess_cpu(&bgr, nullptr, nullptr) == SGMN_ERROR_NULL_POINTER);
    CHECK(status(bgr, with(planes, &sgmn_output::data, none)) == SGMN_ERROR_NULL_POINTER);
    CHECK(status(bgr, with(planes, &sgmn_output::data, odd)) == SGMN_ERROR_ALIGNMENT);
    CHECK(status(bgr, with(planes, &sgmn_output::format, -1)) == SGMN_ERROR_FORMAT);
    CHECK(status(bgr, with(planes, &sgmn_output::side, 0)) == SGMN_ERROR_SIZE);
    CHECK(status(bgr, with(planes, &sgmn_output::side, INT_MAX)) == SGMN_ERROR_SIZE);
    CHECK(status(bgr, with(planes, &sgmn_output::side, 5)) == SGMN_ERROR_CAPACITY);
    CHECK(status(bgr, with(planes, &sgmn_output::capacity, sizeof levels - 1)) ==
          SGMN_ERROR_CAPACITY);
}

void test_roi_errors() {
    CHECK(roi_status({3, 3, 1, 1}) == SGMN_OK);
    for (const sgmn_roi roi : {sgmn_roi{0, 0, 0, 1}, {0, 0, 1, 0}, {-1, 0, 2, 1}, {0, -1, 1, 2},
                               {1, 0, 4, 1}, {0, 1, 1, 4}, {4, 0, 1, 1}, {0, 4, 1, 1},
                               {INT_MAX, 0, 1, 1}, {1, 0, INT_MAX, 1}, {0, INT_MIN, 1, INT_MIN}}) {
        CHECK(roi_status(roi) == SGMN_ERROR_ROI);
    }
}

void test_errors_write_nothing() {
    levels.fill(-5.0f);
    status(bgr, with(planes, &sgmn_output::capacity, 1));
    roi_status({4, 4, 1, 1});
    for (const float level : levels) CHECK(level == -5.0f);
}

void test_status_text() {
    const char *unknown = sgmn_status_text(-1);
    for (int code = SGMN_OK; code <= SGMN_ERROR_COUNT; ++code) {
        CHECK(std::strcmp(sgmn_status_text(code), unknown) != 0);
    }
    CHECK(std::strcmp(sgmn_status_text(SGMN_ERROR_COUNT + 1), unknown) == 0);
    CHECK(std::strstr(sgmn_status_text(SGMN_ERROR_CUDA + 100), "CUDA") != nullptr);
}

void test_one_pixel_fills_the_square() {
    const uint8_t pixel[] = {10, 127, 255};
    CHECK(status(bgr_frame(pixel, 1, 1, 3), planes) == SGMN_OK);
    for (int i = 0; i < 16; ++i) {
        CHECK(levels[i] == 1.0f);
        CHECK(levels[16 + i] == 0.0f);
        CHECK(levels[32 + i] == -117.0f / 128.0f);
    }
}

void test_row_is_centred_on_padding() {
    const uint8_t row[] = {0, 0, 200, 0, 0, 100};
    std::array<uint8_t, 4 * 4 * 3> out{};
    const sgmn_output image = square(SGMN_OUTPUT_UINT8_NHWC, 4, out.data(), out.size());
    CHECK(status(bgr_frame(row, 2, 1, 6), image) == SGMN_OK);
    const int red[] = {200, 175, 125, 100};
    for (int i = 0; i < 16; ++i) {
        const bool padding = i / 4 == 0 || i / 4 == 3;
        CHECK(out[3 * i] == (padding ? SGMN_PAD_LEVEL : red[i % 4]));
        CHECK(out[3 * i + 2] == (padding ? SGMN_PAD_LEVEL : 0));
    }
}

void test_half_of_a_nv12_white() {
    const uint8_t luma[] = {235, 235, 235, 235};
    const uint8_t chroma[] = {128, 128};
    std::array<uint16_t, 3> out{};
    const sgmn_output half = square(SGMN_OUTPUT_HALF_NCHW, 1, out.data(), sizeof out);
    CHECK(status(nv12_frame(luma, chroma, 2, 2, 2), half) == SGMN_OK);
    for (const uint16_t value : out) CHECK(value == 0x3c00);
}

}  // namespace

int main() {
    test_frame_errors();
    test_output_errors();
    test_roi_errors();
    test_errors_write_nothing();
    test_status_text();
    test_one_pixel_fills_the_square();
    test_row_is_centred_on_padding();
    test_half_of_a_nv12_white();
    std::printf("%d failures\n", failures);
    return failures ? 1 : 0;
}
