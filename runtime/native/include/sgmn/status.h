/* What every function of the libraries returns. */
#ifndef SGMN_STATUS_H
#define SGMN_STATUS_H

#include <stddef.h>
#include <stdint.h>

#define SGMN_API __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

enum sgmn_status {
    SGMN_OK = 0,
    SGMN_ERROR_NULL_POINTER = 1,
    SGMN_ERROR_FORMAT = 2,
    SGMN_ERROR_SIZE = 3,
    SGMN_ERROR_ODD_NV12 = 4,
    SGMN_ERROR_STRIDE = 5,
    SGMN_ERROR_ROI = 6,
    SGMN_ERROR_ALIGNMENT = 7,
    SGMN_ERROR_CAPACITY = 8,
    SGMN_ERROR_COUNT = 9,
    /* A CUDA failure is reported as SGMN_ERROR_CUDA + its cudaError_t. */
    SGMN_ERROR_CUDA = 1000
};

/* What a status returned by any function means; static text, never null. */
SGMN_API const char *sgmn_status_text(int32_t status);

#ifdef __cplusplus
}
#endif

#endif
