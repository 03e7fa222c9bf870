#include "sgmn/status.h"

extern "C" const char *sgmn_status_text(int32_t status) {
    switch (status) {
        case SGMN_OK: return "ok";
        case SGMN_ERROR_NULL_POINTER: return "a required pointer is null";
        case SGMN_ERROR_FORMAT: return "unknown frame or output format";
        case SGMN_ERROR_SIZE: return "width, height or side is not between 1 and 16384";
        case SGMN_ERROR_ODD_NV12: return "an NV12 frame needs an even width and height";
        case SGMN_ERROR_STRIDE: return "stride is smaller than one row";
        case SGMN_ERROR_ROI: return "region of interest is empty or not within the frame";
        case SGMN_ERROR_ALIGNMENT: return "output pointer is not aligned to its element";
        case SGMN_ERROR_CAPACITY: return "output buffer is too small";
        case SGMN_ERROR_COUNT: return "a number of rows, floats, bytes or results is out of range";
        default: break;
    }
    return status >= SGMN_ERROR_CUDA ? "CUDA error; the code less 1000 is its cudaError_t"
                                     : "unknown status";
}
