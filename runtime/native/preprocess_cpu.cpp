#include "preprocess_kernel.h"

extern "C" int32_t sgmn_preprocess_cpu(const sgmn_frame *frame, const sgmn_roi *roi,
                                       const sgmn_output *output) {
    sgmn::Job job;
    if (const int32_t status = sgmn::prepare(frame, roi, output, &job)) return status;
    for (int y = 0; y < job.output.side; ++y) {
        for (int x = 0; x < job.output.side; ++x) sgmn::letterbox_pixel(job, x, y);
    }
    return SGMN_OK;
}
