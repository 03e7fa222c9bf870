/* Frame preprocessing: BGR or NV12 frame -> letterboxed square RGB image.
 *
 * All sizes and positions are in pixels, all strides and capacities in bytes.
 * Colour channels of the output, and of mean and inv_std, are in the order R, G, B.
 *
 * sgmn_preprocess_cpu  (libsgmn_native)      takes host pointers.
 * sgmn_preprocess_cuda (libsgmn_native_cuda) takes device pointers in the frame and the output;
 * the structs themselves stay on the host.
 *
 * Every function is reentrant, and reports a bad argument before it reads or writes a pixel.
 */
#ifndef SGMN_PREPROCESS_H
#define SGMN_PREPROCESS_H

#include "sgmn/status.h"

/* Largest frame width, frame height and output side; keeps the tap arithmetic within 32 bits. */
#define SGMN_MAX_SIDE 16384

/* Grey level around the resized image, in every channel, before normalisation. */
#define SGMN_PAD_LEVEL 127

#ifdef __cplusplus
extern "C" {
#endif

enum sgmn_frame_format {
    SGMN_FRAME_BGR = 0, /* rows of width B, G, R byte triples */
    SGMN_FRAME_NV12 = 1 /* a luma plane, and a half-size plane of U, V byte pairs; BT.601 limited */
};

enum sgmn_output_format {
    SGMN_OUTPUT_FLOAT_NCHW = 0, /* float [3][side][side], (level - mean) * inv_std */
    SGMN_OUTPUT_HALF_NCHW = 1,  /* IEEE half [3][side][side], the float rounded to nearest even */
    SGMN_OUTPUT_UINT8_NHWC = 2  /* uint8 [side][side][3], the level rounded to nearest */
};

typedef struct sgmn_frame {
    int32_t format; /* enum sgmn_frame_format */
    int32_t width;  /* NV12: even */
    int32_t height; /* NV12: even */
    int32_t stride; /* from one row of data to the next */
    int32_t chroma_stride; /* from one row of chroma to the next; NV12 only */
    const uint8_t *data;   /* BGR pixels, or the luma plane */
    const uint8_t *chroma; /* NV12 only */
} sgmn_frame;

/* The part of the frame to use. It lies within the frame and holds at least one pixel. */
typedef struct sgmn_roi {
    int32_t x;
    int32_t y;
    int32_t width;
    int32_t height;
} sgmn_roi;

typedef struct sgmn_output {
    int32_t format;   /* enum sgmn_output_format */
    int32_t side;     /* output width and height */
    float mean[3];    /* float and half only; 127 for this project's networks */
    float inv_std[3]; /* float and half only; 1/128 for this project's networks */
    size_t capacity;  /* bytes that may be written at data */
    void *data;       /* aligned to its element; for a batch, one call per image */
} sgmn_output;

/* Preprocesses one frame on the calling thread. roi may be null: the whole frame. */
SGMN_API int32_t sgmn_preprocess_cpu(const sgmn_frame *frame, const sgmn_roi *roi,
                                     const sgmn_output *output);

/* Queues the same work on a cudaStream_t (null: the default stream) and returns at once. */
SGMN_API int32_t sgmn_preprocess_cuda(const sgmn_frame *frame, const sgmn_roi *roi,
                                      const sgmn_output *output, void *stream);

#ifdef __cplusplus
}
#endif

#endif
