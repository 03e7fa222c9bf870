/* A driver library for machines without one: the real Python bindings load it as libcuda.so.1.
 *
 * Device memory is host memory, a copy is memcpy. Work on a stream runs at once, but between the
 * begin and the end of a capture it is recorded, and runs when the graph is launched. As with the
 * real driver, calls need cuInit and a context that is current on the calling thread, and foreign
 * addresses are refused.
 *
 * FAKE_CUDA_INIT=n      cuInit returns n
 * FAKE_CUDA_DEVICES=n   number of devices (default 1)
 * FAKE_CUDA_MEMORY=n    bytes of device memory (default 1 GiB)
 * FAKE_CUDA_FAIL=name:n that function returns n
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int CUresult;
enum { OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, INVALID_DEVICE = 101,
       INVALID_CONTEXT = 201, INVALID_HANDLE = 400, NOT_FOUND = 500, CAPTURE_INVALID = 901 };
enum { MANY = 4096 };

typedef struct { char *start; size_t size; } Block;
typedef struct { int kind; char *to; const char *from; size_t size; int value; } Work;
typedef struct { int count; Work work[MANY]; } Graph;
typedef struct { Graph *recording; } Stream;

static int initialised, retained;
static __thread int current;
static Block blocks[MANY];
static size_t used;
static int live_streams, live_events, live_graphs, live_pinned;

static long setting(const char *name, long otherwise) {
    const char *text = getenv(name);
    return text ? atol(text) : otherwise;
}

static CUresult injected(const char *name) {
    const char *text = getenv("FAKE_CUDA_FAIL");
    const size_t size = strlen(name);
    if (!text || strncmp(text, name, size) || text[size] != ':') return OK;
    return atoi(text + size + 1);
}

static CUresult ready(const char *name) {
    if (!initialised) return NOT_INITIALIZED;
    const CUresult wanted = injected(name);
    return wanted ? wanted : current ? OK : INVALID_CONTEXT;
}

#define READY(name) do { const CUresult r = ready(name); if (r) return r; } while (0)

static Block *holding(const void *address, size_t size) {
    const char *p = address;
    for (int i = 0; i < MANY; ++i) {
        Block *b = &blocks[i];
        if (b->start && p >= b->start && p + size <= b->start + b->size) return b;
    }
    return NULL;
}

static void run(const Work *w) {
    if (w->kind == 0) memcpy(w->to, w->from, w->size);
    else memset(w->to, w->value, w->size);
}

static CUresult queue(Stream *stream, Work work) {
    if (!stream) return INVALID_HANDLE;
    if (!stream->recording) { run(&work); return OK; }
    if (stream->recording->count == MANY) return OUT_OF_MEMORY;
    stream->recording->work[stream->recording->count++] = work;
    return OK;
}

CUresult cuInit(unsigned flags) {
    (void)flags;
    const CUresult wanted = (CUresult)setting("FAKE_CUDA_INIT", OK);
    if (!wanted) initialised = 1;
    return wanted;
}

CUresult cuDriverGetVersion(int *version) { *version = 13000; return OK; }

CUresult cuGetErrorName(CUresult error, const char **name) {
    switch (error) {
        case OK: *name = "CUDA_SUCCESS"; return OK;
        case INVALID_VALUE: *name = "CUDA_ERROR_INVALID_VALUE"; return OK;
        case OUT_OF_MEMORY: *name = "CUDA_ERROR_OUT_OF_MEMORY"; return OK;
        case 100: *name = "CUDA_ERROR_NO_DEVICE"; return OK;
        case 803: *name = "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"; return OK;
        case 999: *name = "CUDA_ERROR_UNKNOWN"; return OK;
        default: *name = NULL; return INVALID_VALUE;
    }
}

CUresult cuGetErrorString(CUresult error, const char **text) {
    return cuGetErrorName(error, text);
}

CUresult cuDeviceGetCount(int *count) {
    if (!initialised) return NOT_INITIALIZED;
    *count = (int)setting("FAKE_CUDA_DEVICES", 1);
    return OK;
}

CUresult cuDeviceGet(int *device, int ordinal) {
    if (!initialised) return NOT_INITIALIZED;
    if (ordinal < 0 || ordinal >= setting("FAKE_CUDA_DEVICES", 1)) return INVALID_DEVICE;
    *device = ordinal;
    return OK;
}

CUresult cuDeviceGetName(char *name, int length, int device) {
    snprintf(name, (size_t)length, "Fake GPU %d", device);
    return OK;
}

CUresult cuDeviceGetAttribute(int *value, int which, int device) {
    (void)device;
    *value = which == 75 ? 8 : which == 76 ? 7 : 0;
    return OK;
}

CUresult cuDevicePrimaryCtxRetain(void **context, int device) {
    (void)device;
    if (!initialised) return NOT_INITIALIZED;
    const CUresult wanted = injected("cuDevicePrimaryCtxRetain");
    if (wanted) return wanted;
    ++retained;
    *context = &retained;
    return OK;
}

CUresult cuDevicePrimaryCtxRelease_v2(int device) {
    (void)device;
    if (retained < 1) return INVALID_CONTEXT;
    --retained;
    return OK;
}

CUresult cuCtxSetCurrent(void *context) { current = context != NULL; return OK; }
CUresult cuCtxPushCurrent_v2(void *context) { return cuCtxSetCurrent(context); }
CUresult cuCtxPopCurrent_v2(void **context) { *context = &retained; current = 0; return OK; }
CUresult cuCtxGetCurrent(void **context) { *context = current ? &retained : NULL; return OK; }

CUresult cuMemGetInfo_v2(size_t *available, size_t *total) {
    READY("cuMemGetInfo");
    *total = (size_t)setting("FAKE_CUDA_MEMORY", 1L << 30);
    *available = *total - used;
    return OK;
}

CUresult cuMemAlloc_v2(uint64_t *pointer, size_t size) {
    READY("cuMemAlloc");
    if (!size) return INVALID_VALUE;
    if (used + size > (size_t)setting("FAKE_CUDA_MEMORY", 1L << 30)) return OUT_OF_MEMORY;
    for (int i = 0; i < MANY; ++i) {
        if (blocks[i].start) continue;
        blocks[i].size = size;
        blocks[i].start = aligned_alloc(256, (size + 255) / 256 * 256);
        used += size;
        *pointer = (uint64_t)(uintptr_t)blocks[i].start;
        return OK;
    }
    return OUT_OF_MEMORY;
}

CUresult cuMemFree_v2(uint64_t pointer) {
    READY("cuMemFree");
    Block *b = holding((void *)(uintptr_t)pointer, 0);
    if (!b || (uint64_t)(uintptr_t)b->start != pointer) return INVALID_VALUE;
    used -= b->size;
    free(b->start);
    b->start = NULL;
    return OK;
}

CUresult cuMemHostAlloc(void **pointer, size_t size, unsigned flags) {
    (void)flags;
    READY("cuMemHostAlloc");
    *pointer = malloc(size);
    ++live_pinned;
    return OK;
}

CUresult cuMemFreeHost(void *pointer) {
    READY("cuMemFreeHost");
    free(pointer);
    --live_pinned;
    return OK;
}

CUresult cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t size, Stream *stream) {
    READY("cuMemcpyHtoDAsync");
    char *target = (char *)(uintptr_t)to;
    if (!holding(target, size)) return INVALID_VALUE;
    return queue(stream, (Work){0, target, from, size, 0});
}

CUresult cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t size, Stream *stream) {
    READY("cuMemcpyDtoHAsync");
    const char *source = (const char *)(uintptr_t)from;
    if (!holding(source, size)) return INVALID_VALUE;
    return queue(stream, (Work){0, to, source, size, 0});
}

CUresult cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t size, Stream *stream) {
    READY("cuMemcpyDtoDAsync");
    char *target = (char *)(uintptr_t)to;
    const char *source = (const char *)(uintptr_t)from;
    if (!holding(target, size) || !holding(source, size)) return INVALID_VALUE;
    return queue(stream, (Work){0, target, source, size, 0});
}

CUresult cuMemsetD8Async(uint64_t to, unsigned char value, size_t size, Stream *stream) {
    READY("cuMemsetD8Async");
    char *target = (char *)(uintptr_t)to;
    if (!holding(target, size)) return INVALID_VALUE;
    return queue(stream, (Work){1, target, NULL, size, value});
}

CUresult cuStreamCreate(Stream **stream, unsigned flags) {
    READY("cuStreamCreate");
    if (flags != 1) return INVALID_VALUE; /* the non-blocking flag, the only one used here */
    *stream = calloc(1, sizeof **stream);
    ++live_streams;
    return OK;
}

CUresult cuStreamDestroy_v2(Stream *stream) {
    READY("cuStreamDestroy");
    free(stream);
    --live_streams;
    return OK;
}

CUresult cuStreamSynchronize(Stream *stream) {
    READY("cuStreamSynchronize");
    return stream->recording ? CAPTURE_INVALID : OK;
}

CUresult cuStreamBeginCapture_v2(Stream *stream, int mode) {
    READY("cuStreamBeginCapture");
    if (mode != 1 || stream->recording) return INVALID_VALUE; /* thread-local */
    stream->recording = calloc(1, sizeof(Graph));
    ++live_graphs;
    return OK;
}

CUresult cuStreamEndCapture(Stream *stream, Graph **graph) {
    READY("cuStreamEndCapture");
    if (!stream->recording) return CAPTURE_INVALID;
    *graph = stream->recording;
    stream->recording = NULL;
    return OK;
}

CUresult cuGraphInstantiateWithFlags(Graph **exec, Graph *graph, unsigned long long flags) {
    READY("cuGraphInstantiate");
    if (flags) return INVALID_VALUE;
    *exec = malloc(sizeof **exec);
    memcpy(*exec, graph, sizeof *graph);
    ++live_graphs;
    return OK;
}

CUresult cuGraphLaunch(Graph *exec, Stream *stream) {
    READY("cuGraphLaunch");
    for (int i = 0; i < exec->count; ++i) {
        const CUresult failed = queue(stream, exec->work[i]);
        if (failed) return failed;
    }
    return OK;
}

static CUresult forget(Graph *graph) { free(graph); --live_graphs; return OK; }
CUresult cuGraphExecDestroy(Graph *exec) { READY("cuGraphExecDestroy"); return forget(exec); }
CUresult cuGraphDestroy(Graph *graph) { READY("cuGraphDestroy"); return forget(graph); }

CUresult cuEventCreate(void **event, unsigned flags) {
    (void)flags;
    READY("cuEventCreate");
    *event = calloc(1, 8);
    ++live_events;
    return OK;
}

CUresult cuEventDestroy_v2(void *event) {
    READY("cuEventDestroy");
    free(event);
    --live_events;
    return OK;
}

CUresult cuEventRecord(int *event, Stream *stream) {
    READY("cuEventRecord");
    if (!stream) return INVALID_HANDLE;
    *event = 1;
    return OK;
}

CUresult cuEventSynchronize(int *event) {
    READY("cuEventSynchronize");
    return *event ? OK : INVALID_VALUE;
}

CUresult cuEventElapsedTime(float *ms, int *begin, int *end) {
    READY("cuEventElapsedTime");
    if (!*begin || !*end) return INVALID_HANDLE;
    *ms = 1.5f;
    return OK;
}

CUresult cuEventElapsedTime_v2(float *ms, int *begin, int *end) {
    return cuEventElapsedTime(ms, begin, end);
}

/* What is still held: memory blocks, pinned arrays, streams, events, graphs, contexts. */
void fake_cuda_held(int held[6]) {
    held[0] = 0;
    for (int i = 0; i < MANY; ++i) held[0] += blocks[i].start != NULL;
    held[1] = live_pinned;
    held[2] = live_streams;
    held[3] = live_events;
    held[4] = live_graphs;
    held[5] = retained;
}

CUresult cuGetProcAddress_v2(const char *symbol, void **function, int version, uint64_t flags,
                             int *status) {
    (void)version;
    (void)flags;
    static const char *const endings[] = {"_v2", "WithFlags", ""};
    char name[200];
    *function = NULL;
    for (int i = 0; i < 3 && !*function; ++i) {
        snprintf(name, sizeof name, "%s%s", symbol, endings[i]);
        Dl_info here;
        if (dladdr((void *)(uintptr_t)&cuInit, &here)) {
            void *self = dlopen(here.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
            *function = self ? dlsym(self, name) : NULL;
        }
    }
    const char *lacks = getenv("FAKE_CUDA_LACKS");
    if (lacks && !strcmp(lacks, symbol)) *function = NULL;
    if (status) *status = *function ? 0 : 1;
    return *function ? OK : NOT_FOUND;
}

CUresult cuGetProcAddress(const char *symbol, void **function, int version, uint64_t flags) {
    return cuGetProcAddress_v2(symbol, function, version, flags, NULL);
}
