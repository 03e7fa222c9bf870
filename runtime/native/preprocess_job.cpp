#include "preprocess_job.h"

#include <algorithm>
#include <cmath>

namespace sgmn {
namespace {

bool valid_side(int32_t side) {
    return side >= 1 && side <= SGMN_MAX_SIDE;
}

int32_t check_frame(const sgmn_frame &frame) {
    const bool nv12 = frame.format == SGMN_FRAME_NV12;
    if (!nv12 && frame.format != SGMN_FRAME_BGR) return SGMN_ERROR_FORMAT;
    if (!frame.data || (nv12 && !frame.chroma)) return SGMN_ERROR_NULL_POINTER;
    if (!valid_side(frame.width) || !valid_side(frame.height)) return SGMN_ERROR_SIZE;
    if (nv12 && (frame.width % 2 || frame.height % 2)) return SGMN_ERROR_ODD_NV12;
    if (frame.stride < (nv12 ? frame.width : 3 * frame.width)) return SGMN_ERROR_STRIDE;
    if (nv12 && frame.chroma_stride < frame.width) return SGMN_ERROR_STRIDE;
    return SGMN_OK;
}

// Compares by subtraction so that no sum can overflow.
bool inside(const sgmn_roi &roi, const sgmn_frame &frame) {
    return roi.x >= 0 && roi.width >= 1 && roi.width <= frame.width &&
           roi.x <= frame.width - roi.width &&
           roi.y >= 0 && roi.height >= 1 && roi.height <= frame.height &&
           roi.y <= frame.height - roi.height;
}

size_t element_size(int32_t format) {
    switch (format) {
        case SGMN_OUTPUT_FLOAT_NCHW: return 4;
        case SGMN_OUTPUT_HALF_NCHW: return 2;
        case SGMN_OUTPUT_UINT8_NHWC: return 1;
        default: return 0;
    }
}

int32_t check_output(const sgmn_output &output) {
    const size_t element = element_size(output.format);
    if (element == 0) return SGMN_ERROR_FORMAT;
    if (!output.data) return SGMN_ERROR_NULL_POINTER;
    if (!valid_side(output.side)) return SGMN_ERROR_SIZE;
    if (reinterpret_cast<uintptr_t>(output.data) % element) return SGMN_ERROR_ALIGNMENT;
    const size_t side = static_cast<size_t>(output.side);
    if (output.capacity / element / 3 / side < side) return SGMN_ERROR_CAPACITY;
    return SGMN_OK;
}

// Double arithmetic in this order, so that ties round as they do in Python.
int32_t scaled(int32_t length, double scale) {
    return std::max(1, static_cast<int32_t>(std::floor(length * scale + 0.5)));
}

void place(Job *job) {
    const int32_t side = job->output.side;
    const double scale = static_cast<double>(side) / std::max(job->roi.width, job->roi.height);
    job->width = scaled(job->roi.width, scale);
    job->height = scaled(job->roi.height, scale);
    job->left = (side - job->width) / 2;
    job->top = (side - job->height) / 2;
}

}  // namespace

int32_t prepare(const sgmn_frame *frame, const sgmn_roi *roi, const sgmn_output *output, Job *job) {
    if (!frame || !output) return SGMN_ERROR_NULL_POINTER;
    if (const int32_t status = check_frame(*frame)) return status;
    if (roi && !inside(*roi, *frame)) return SGMN_ERROR_ROI;
    if (const int32_t status = check_output(*output)) return status;
    job->frame = *frame;
    job->roi = roi ? *roi : sgmn_roi{0, 0, frame->width, frame->height};
    job->output = *output;
    place(job);
    return SGMN_OK;
}

}  // namespace sgmn
