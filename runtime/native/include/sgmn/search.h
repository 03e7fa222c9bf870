/* Exact search: the rows of highest inner product with a query, and copies of chosen rows.
 *
 * The _cpu functions (libsgmn_native) take host pointers. The _cuda functions (libsgmn_native_cuda)
 * take device pointers, queue their work on a cudaStream_t (null: the default stream) and return at
 * once; the structs themselves stay on the host. They allocate nothing, so that they can be captured
 * into a CUDA graph.
 *
 * Every function is reentrant, and reports a bad argument before it reads or writes a number.
 */
#ifndef SGMN_SEARCH_H
#define SGMN_SEARCH_H

#include "sgmn/status.h"

/* Most rows that one search can find. */
#define SGMN_MAX_BEST 256

/* Keys that one block sorts at a time. */
#define SGMN_SEARCH_CHUNK 1024

#ifdef __cplusplus
extern "C" {
#endif

typedef struct sgmn_search {
    int32_t rows;        /* N, of the matrix; 0 or more */
    int32_t stride;      /* floats from one row to the next */
    int32_t length;      /* floats of the query, 1 to stride; a row's further floats do not count */
    int32_t best;        /* K, 1 to SGMN_MAX_BEST */
    const float *items;  /* [rows][stride] */
    const float *query;  /* [length] */
    const float *prior;  /* [rows], added to the inner products; may be null */
    uint64_t *workspace; /* of sgmn_search_workspace(rows, best) numbers */
    size_t capacity;     /* numbers that the workspace holds */
    int32_t *found;      /* [best] rows, best first, ties in order of row; -1 beyond the last row */
    float *scores;       /* [best] of them; 0 beyond the last row */
} sgmn_search;

/* Rows to be copied: target[target_index[i]] = source[source_index[i]] for each i below count.
 * An index may be null, which is 0, 1, 2, ...; a source row that does not exist is copied as zeros,
 * a target row that does not exist is left out. */
typedef struct sgmn_rows {
    int32_t count;
    int32_t source_rows;
    int32_t target_rows;
    int32_t row_bytes; /* a multiple of 4 */
    const void *source;
    const int32_t *source_index; /* [count] */
    void *target;
    const int32_t *target_index; /* [count] */
} sgmn_rows;

/* Numbers of 64 bits that a search needs; 0 where rows or best is out of range. */
SGMN_API size_t sgmn_search_workspace(int32_t rows, int32_t best);

SGMN_API int32_t sgmn_search_cpu(const sgmn_search *search);
SGMN_API int32_t sgmn_search_cuda(const sgmn_search *search, void *stream);

SGMN_API int32_t sgmn_copy_rows_cpu(const sgmn_rows *rows);
SGMN_API int32_t sgmn_copy_rows_cuda(const sgmn_rows *rows, void *stream);

#ifdef __cplusplus
}
#endif

#endif
