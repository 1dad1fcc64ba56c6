/* A CUDA driver without a GPU behind it: answers what ner_dist.ranks.gpu and MXNet's library ask, as variables tell it to.
   The variables are described in fake_driver.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, INVALID_VALUE = 1, NOT_INITIALIZED = 3, NO_DEVICE = 100, INVALID_DEVICE = 101 };
enum { MAJOR = 75, MINOR = 76, MAX_GPUS = 64 };

struct gpu {
    int major, minor;
    char name[100];
};

static struct gpu gpus[MAX_GPUS];
static int num_gpus = 0, initialised = 0;

static int number(const char *variable, int otherwise) {
    const char *text = getenv(variable);
    return text && *text ? atoi(text) : otherwise;
}

/* As the driver does: an index that is no device hides itself and all that come after it. */
static void hide(struct gpu *all, int count) {
    char *visible = getenv("CUDA_VISIBLE_DEVICES");
    if (!visible) {
        memcpy(gpus, all, count * sizeof *all);
        num_gpus = count;
        return;
    }
    for (char *end; num_gpus < MAX_GPUS; visible = end + 1) {
        long index = strtol(visible, &end, 10);
        if (end == visible || index < 0 || index >= count) return;
        gpus[num_gpus++] = all[index];
        if (*end != ',') return;
    }
}

int cuInit(unsigned flags) {
    static struct gpu all[MAX_GPUS];
    int code = number("FAKE_CUDA_INIT", SUCCESS), count = 0;
    if (code || initialised) return code;
    char *text = strdup(getenv("FAKE_CUDA_GPUS") ? getenv("FAKE_CUDA_GPUS") : "");
    for (char *part = strtok(text, ","); part && count < MAX_GPUS; part = strtok(NULL, ",")) {
        struct gpu *gpu = &all[count++];
        strcpy(gpu->name, "Fake GPU");
        sscanf(part, "%d.%d %99[^,]", &gpu->major, &gpu->minor, gpu->name);
    }
    free(text);
    hide(all, count);
    initialised = num_gpus > 0;
    return initialised ? SUCCESS : NO_DEVICE;
}

int cuDriverGetVersion(int *version) {
    *version = number("FAKE_CUDA_VERSION", 12020);
    return SUCCESS;
}

int cuDeviceGetCount(int *count) {
    *count = num_gpus;
    return initialised ? number("FAKE_CUDA_COUNT", SUCCESS) : NOT_INITIALIZED;
}

int cuDeviceGet(int *device, int index) {
    *device = index;
    return index >= 0 && index < num_gpus ? SUCCESS : INVALID_DEVICE;
}

int cuDeviceGetName(char *name, int size, int device) {
    if (device < 0 || device >= num_gpus) return INVALID_DEVICE;
    snprintf(name, size, "%s", gpus[device].name);
    return SUCCESS;
}

int cuDeviceGetAttribute(int *value, int attribute, int device) {
    if (device < 0 || device >= num_gpus) return INVALID_DEVICE;
    if (attribute != MAJOR && attribute != MINOR) return INVALID_VALUE;
    *value = attribute == MAJOR ? gpus[device].major : gpus[device].minor;
    return number("FAKE_CUDA_ATTRIBUTE", SUCCESS);
}

/* MXNet's library cannot be loaded without these, and calls none of them where there is no GPU. */
#define UNUSED(function) \
    int function(void) { return NOT_INITIALIZED; }
UNUSED(cuDevicePrimaryCtxRetain)
UNUSED(cuGetErrorString)
UNUSED(cuGraphKernelNodeGetParams)
UNUSED(cuGraphNodeGetType)
UNUSED(cuLaunchKernel)
UNUSED(cuModuleGetFunction)
UNUSED(cuModuleLoadData)
UNUSED(cuModuleLoadDataEx)
UNUSED(cuModuleUnload)
