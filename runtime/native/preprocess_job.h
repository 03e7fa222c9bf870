// A checked preprocessing request, ready for the per-pixel kernel.
#ifndef SGMN_PREPROCESS_JOB_H
#define SGMN_PREPROCESS_JOB_H

#include "sgmn/preprocess.h"

namespace sgmn {

struct Job {
    sgmn_frame frame;
    sgmn_roi roi;
    sgmn_output output;
    // Where the resized region lies within the output square.
    int32_t left;
    int32_t top;
    int32_t width;
    int32_t height;
};

// Fills the job and returns SGMN_OK, or returns the first thing wrong with the arguments.
int32_t prepare(const sgmn_frame *frame, const sgmn_roi *roi, const sgmn_output *output, Job *job);

}  // namespace sgmn

#endif
