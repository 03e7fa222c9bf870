// Checked search and copy requests, ready for the kernels.
#ifndef SGMN_SEARCH_JOB_H
#define SGMN_SEARCH_JOB_H

#include "sgmn/search.h"

namespace sgmn {

constexpr int kChunk = SGMN_SEARCH_CHUNK;

// Chunks that so many keys fill; at least one, which then is all padding.
constexpr int chunks(int keys) {
    return keys <= kChunk ? 1 : (keys - 1) / kChunk + 1;
}

// Return SGMN_OK or the first thing wrong with the arguments.
int32_t check(const sgmn_search *search);
int32_t check(const sgmn_rows *rows);

}  // namespace sgmn

#endif
